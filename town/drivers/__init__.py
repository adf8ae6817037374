"""The town's hands: git, processes and gates. Every file in this folder does I/O."""
