// What a page owes to whoever reads it by ear, by keyboard, or in poor light; returns a list of complaints.
(() => {
  const found = [];
  const say = (what, node) => found.push(`${what}: ${node.outerHTML.slice(0, 120)}`);
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5")].map((h) => Number(h.tagName[1]));
  if (headings.filter((h) => h === 1).length !== 1) found.push(`one h1, not ${headings}`);
  headings.forEach((h, n) => n && h > headings[n - 1] + 1 && found.push(`h${h} after h${headings[n - 1]}`));
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  ids.filter((id, n) => ids.indexOf(id) !== n).forEach((id) => found.push(`id twice: ${id}`));
  document.querySelectorAll("[aria-labelledby]").forEach((node) =>
    node.getAttribute("aria-labelledby").split(" ").forEach((id) => ids.includes(id) || say(`no ${id}`, node)));
  document.querySelectorAll('a[href^="#"]').forEach((a) => ids.includes(a.hash.slice(1)) || say("leads nowhere", a));
  document.querySelectorAll("img").forEach((img) => img.hasAttribute("alt") || say("no alt", img));
  document.querySelectorAll("svg").forEach((svg) =>
    svg.closest("[aria-hidden]") || svg.querySelector(":scope > title") || say("a picture without a title", svg));
  document.querySelectorAll("a, button, summary").forEach((node) => node.textContent.trim() ||
    node.querySelector("img[alt]") || say("no words", node));
  document.querySelectorAll("th").forEach((th) => th.scope || say("no scope", th));
  if (!document.documentElement.lang) found.push("no language");
  if (document.documentElement.scrollWidth > window.innerWidth) found.push("wider than the window");

  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("title, desc, style")) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(parse(node.closest("svg") ? style.fill : style.color)), light(behind(node))].sort();
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)}`, node);
  }
  return found;
})()
