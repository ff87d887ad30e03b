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

// A link to a table of the dictionary opens it.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches("details")) target.open = true;
}
window.addEventListener("hashchange", openTarget);
openTarget();

// A report can be copied with one press.
for (const area of document.querySelectorAll(".report textarea")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy the report";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(area.value);
    button.textContent = "Copied";
  });
  area.after(button);
}
