"""The closed loop: measure, mine, plan, build, train, measure, gate; round after round.

    counterfactory loop run loop/pocket --out runs/loop

journal.py   what is finished, and who works here      engine.py   a stage: files in, files out
recipe.py    `kind: loop`                              stages.py   the stages of a round
run.py       rounds, and the promoted model            status.py   how far a loop is
"""
