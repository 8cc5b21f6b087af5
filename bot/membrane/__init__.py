"""The use cases of the membrane, and the only owner of transactions.

Each module holds the use cases of one subject; `Membrane` has an object for each of them.
"""

from bot.membrane.admins import Admins
from bot.membrane.claims import Claims
from bot.membrane.core import Core, Directory, Resolved, made_at, new_id
from bot.membrane.deadlines import Deadlines
from bot.membrane.digests import Digests
from bot.membrane.facade import Membrane
from bot.membrane.freeze_effects import FreezeEffects
from bot.membrane.freezes import Freezes
from bot.membrane.interrupt_answers import Answered
from bot.membrane.interrupts import UNFIT, Call, Interrupts, Parked
from bot.membrane.message_facts import CardFacts, DigestFacts, Facts, NoticeFacts, ReceiptFacts
from bot.membrane.outbox import Outbox
from bot.membrane.pointers import Pointers, stranded
from bot.membrane.proposals import BatchedAction, Proposals
from bot.membrane.reports import Reports
from bot.membrane.seals import sealed_under
from bot.membrane.stalls import BY_ITSELF, RETRY_AFTER_S, OperatorRequests, Stalls
from bot.membrane.threads import DueWork, Threads
from bot.membrane.tokens import Tokens
from bot.membrane.unknowns import Unknowns
from bot.membrane.vault import Vault, matches_keyring
from bot.membrane.votes import Votes
from bot.membrane.wakeups import Wakeups, wait_for

__all__ = [
    "BY_ITSELF",
    "RETRY_AFTER_S",
    "UNFIT",
    "Admins",
    "Answered",
    "BatchedAction",
    "Call",
    "CardFacts",
    "Claims",
    "Core",
    "Deadlines",
    "DigestFacts",
    "Digests",
    "Directory",
    "DueWork",
    "Facts",
    "FreezeEffects",
    "Freezes",
    "Interrupts",
    "Membrane",
    "NoticeFacts",
    "OperatorRequests",
    "Outbox",
    "Parked",
    "Pointers",
    "Proposals",
    "ReceiptFacts",
    "Reports",
    "Resolved",
    "Stalls",
    "Threads",
    "Tokens",
    "Unknowns",
    "Vault",
    "Votes",
    "Wakeups",
    "made_at",
    "matches_keyring",
    "new_id",
    "sealed_under",
    "stranded",
    "wait_for",
]
