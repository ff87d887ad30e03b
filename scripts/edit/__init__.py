"""Add to the package: `changes` tries a change and writes it whole; `entry` and `dialogue` make a row, `merge` brings in a spreadsheet, `skeleton` a new table."""
