// What the search puts first: notebooks, then the glossary, the package's reference last.
var Scorer = {
  score: ([docname, title, anchor, descr, score]) => {
    if (docname.startsWith("notebooks/")) return score + 40;
    if (docname === "docs/glossary") return score + 20;
    return docname.startsWith("docs/api/") ? score - 40 : score;
  },
  // the rest as Sphinx has it
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
