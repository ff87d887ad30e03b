// The SQL editor: colours, line numbers, Shift-Enter runs. Without a script the plain text box does the same work.
const area = document.querySelector("textarea#sql-editor");
if (area && window.CodeMirror) {
  const editor = CodeMirror.fromTextArea(area, {
    lineNumbers: true,
    lineWrapping: true,
    mode: "text/x-sql",
    extraKeys: { "Shift-Enter": () => area.form.submit(), Tab: false },
    screenReaderLabel: "SQL (SQLite, read only)",
  });
  editor.getInputField().setAttribute("aria-label", "SQL (SQLite, read only)");
  const format = document.querySelector("button#sql-format");
  if (format && window.sqlFormatter) {
    format.hidden = false;
    format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
  }
}
