"""The leaderboard: several evaluations of one suite and split, side by side.

entries = read_entries([Path("eval/base"), Path("eval/round-1")])   # entries.py
print(text_table(entries))                                          # table.py, also CSV
page(entries)                                                       # page.py, one HTML file
exports(entries, Path("board/exports"))                             # exports.py
"""
