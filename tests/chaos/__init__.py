"""The proof that nothing is lost and nothing happens twice: the whole bot, killed again and again.

    make chaos ARGS="--kills 500 --seed 7"

The bot runs as a process of its own and is killed (SIGKILL) at random times and at every named crash point
(`points`), while agents (`fleet`) and people (`people`) go on outside of it and Slack misbehaves (`weather`).
Then it is left in peace until it has settled, and journal, store, the ledger of effects and the workspace's
messages are held against each other (`checks`).
"""
