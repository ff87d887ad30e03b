// Small helps; every page works without them.
window.DATASETTE_ALLOW_FACET = true; // read by Datasette's own table.js

// The filter column that was chosen is kept short on a phone: facets start closed there.
if (window.matchMedia("(max-width: 40rem)").matches) {
  for (const box of document.querySelectorAll("details.facets")) box.open = false;
}

// "/" goes to the search box, as on many sites.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, .CodeMirror");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.querySelector("#q, #site-q");
  if (box) {
    event.preventDefault();
    box.focus();
  }
});
