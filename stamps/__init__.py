"""Who said it, and may we believe it.

The lowest floor: keys, signatures, canonical bytes, key logs, stamps and the credentials made from them.
Nothing here knows what a bead, a board or a town is, and everything but `keyring` is pure: bytes, times and
seeds come in as arguments, a verified value or a named error goes out.

Nothing is re-exported, so a caller pays only for what it uses: `from stamps import canon`,
`from stamps.keys import SigningKey`.
"""
