"""AWX as a place where work is done: its jobs, workflow jobs, updates and ad-hoc commands as actions.

``connection`` says which AWX and as whom; ``client`` speaks HTTP to it; ``lookup`` turns names into ids; ``launch`` starts a job once,
and finds it again after a crash; ``following`` waits for its end or brings it about; ``outcome`` gathers what came of it; ``jobs``
holds the actions.
"""
