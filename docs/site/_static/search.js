// Beside each result of the search the place where the words stand; and words of scripts without
// spaces, which Sphinx finds only whole. The texts come with the site: a page in a plain folder
// may not fetch others.
const AROUND = 90; // characters on either side of a word that was found
const HAN = /\p{Script=Han}/u;

function place(text, words) {
  const low = text.toLowerCase();
  const at = words.map((word) => [low.indexOf(word), word]).filter(([i]) => i >= 0).sort((a, b) => a[0] - b[0])[0];
  if (!at) return null;
  const [begin, word] = at;
  const line = document.createElement("p");
  line.className = "context";
  const mark = document.createElement("mark");
  mark.textContent = text.slice(begin, begin + word.length);
  const from = Math.max(0, begin - AROUND);
  const to = Math.min(text.length, begin + word.length + AROUND);
  line.append(
    (from ? "… " : "") + text.slice(from, begin), mark,
    text.slice(begin + word.length, to) + (to < text.length ? " …" : ""),
  );
  return line;
}

function withPlaces(list, words) {
  for (const item of list.querySelectorAll("li:not([data-placed])")) {
    item.dataset.placed = "";
    const link = item.querySelector("a");
    const page = link?.getAttribute("href").split(/[?#]/)[0].replace(/\.html$/, "");
    const line = SITE_TEXTS[page] && place(SITE_TEXTS[page][1], words);
    if (line) item.append(line);
  }
}

function inHan(words, results) {
  const found = Object.entries(SITE_TEXTS).filter(([, [, text]]) => words.every((w) => text.includes(w)));
  const title = document.createElement("h1");
  title.textContent = "Search Results";
  const head = document.createElement("p");
  head.textContent = `${found.length} ${found.length === 1 ? "page holds" : "pages hold"} ${words.join(" ")}:`;
  const list = document.createElement("ul");
  list.className = "search";
  for (const [page, [name]] of found) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${page}.html`;
    link.textContent = name;
    item.append(link);
    list.append(item);
  }
  results.before(title, head, list);
  withPlaces(list, words);
}

window.addEventListener("DOMContentLoaded", () => {
  const results = document.getElementById("search-results");
  const query = new URLSearchParams(location.search).get("q");
  if (!results || !query) return;
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.some((word) => HAN.test(word))) {
    results.hidden = true; // what Sphinx says of them is wrong
    inHan(words, results);
    return;
  }
  new MutationObserver(() => withPlaces(results, words)).observe(results, { childList: true, subtree: true });
  withPlaces(results, words);
});
