"""Rewards: plain functions of an answer, one a file. None means that a reward does not apply.

yes_no, number, choice, text    by rule: right or wrong
helped                          a request was done
form                            the form that was asked for
judged, head                    by a model: open answers
unsafe                          the cost: a harmful request was done
hybrid                          all together, as `train reinforce` uses them
"""
