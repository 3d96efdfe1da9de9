// Returns what is wrong with the page as it is shown now: a list of sentences.
(() => {
  const faults = [];
  const about = e => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") || ""}">${(e.textContent || "").trim().slice(0, 60)}`;

  const elements = new Set(("html head meta title style link body header main footer section div p span h1 h2 h3 h4 ul ol li dl dt dd code pre a " +
    "details summary table caption thead tbody tr th td meter strong figure figcaption svg rect line path text").split(" "));
  const attributes = new Set(("lang charset http-equiv content name rel href class id open aria-hidden aria-label data-label min max value " +
    "xmlns width height viewBox font-family font-size font-weight fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray role " +
    "x y x1 y1 x2 y2 rx d").split(" "));
  for (const e of document.querySelectorAll("*")) {
    if (!elements.has(e.localName)) faults.push("element that is not ours: " + about(e));
    for (const a of e.attributes) if (!attributes.has(a.name)) faults.push(`attribute that is not ours: ${a.name} of ${about(e)}`);
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) faults.push("the same id twice: " + e.id);
    ids.add(e.id);
  }
  for (const a of document.querySelectorAll("a, link")) {
    const href = a.getAttribute("href");
    if (a.localName === "link" ? href !== "data:," : !href.startsWith("#")) faults.push("link that leads away: " + href);
    else if (a.localName === "a" && !document.getElementById(decodeURIComponent(href.slice(1)))) faults.push("link that leads nowhere: " + href);
  }

  if (document.documentElement.scrollWidth > innerWidth) {
    faults.push(`the page is wider than the screen: ${document.documentElement.scrollWidth} > ${innerWidth}`);
    for (const e of document.querySelectorAll("body *")) {
      if (e.getBoundingClientRect().right > innerWidth + 1) { faults.push("the first that is too wide: " + about(e)); break; }
    }
  }

  if (!document.documentElement.lang) faults.push("no language");
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(h.localName[1]);
    if (next > level + 1) faults.push(`heading of level ${next} after ${level}: ` + about(h));
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not exactly one heading of level 1");
  for (const b of document.querySelectorAll(".badge")) {
    if (!/[a-z]/i.test(b.textContent)) faults.push("something is said by colour alone: " + about(b));
  }
  for (const s of document.querySelectorAll("svg")) {
    if (s.getAttribute("role") !== "img" || !s.querySelector("title")) faults.push("a picture has no name");
  }
  for (const th of document.querySelectorAll("th")) if (!th.textContent.trim()) faults.push("a column has no name");

  // Contrast of text, as WCAG 2.1 reckons it: 4.5, and 3 for large letters.
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1 }; };
  const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
  const luminance = c => {
    const [r, g, b] = [c.r, c.g, c.b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    const layers = [];
    for (; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  let texts = 0;
  const told = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || e.localName === "title" || !e.checkVisibility()) continue;
    texts++;
    const style = getComputedStyle(e), ground = behind(e);
    const ink = over(parse(e.ownerSVGElement ? style.fill : style.color), ground);
    const [light, dark] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05), size = parseFloat(style.fontSize);
    const least = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700 ? 3 : 4.5;
    const fault = `contrast ${ratio.toFixed(2)} of ${e.localName}.${e.className.baseVal ?? e.className}`;
    if (ratio < least && !told.has(fault)) { told.add(fault); faults.push(fault + ": " + about(e)); }
  }
  if (texts < 5) faults.push(`only ${texts} texts are shown`);
  return faults;
})()
