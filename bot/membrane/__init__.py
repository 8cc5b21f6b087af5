"""The use cases of the membrane, and the only owner of transactions.

Each module holds the use cases of one actor; `Membrane` is all of them behind one name.
"""

from bot.membrane.admins import Admins
from bot.membrane.bells import Bells, wait_for
from bot.membrane.core import Core, Directory, Resolved, made_at, new_id
from bot.membrane.digesting import Digesting
from bot.membrane.executing import Executing
from bot.membrane.facade import Membrane
from bot.membrane.freezing import Freezes
from bot.membrane.hosting import Hosting, Owed
from bot.membrane.interrupts import OPEN, UNFIT, Asked, Call, Interrupts, Parked
from bot.membrane.judging import Judging
from bot.membrane.outbox import CardFacts, DigestFacts, Facts, NoticeFacts, Outbox, ReceiptFacts
from bot.membrane.pointing import Pointers, stranded
from bot.membrane.proposals import Proposals, Wish
from bot.membrane.resealing import sealed_under
from bot.membrane.resolving import Resolving
from bot.membrane.stalling import BY_ITSELF, RETRY_AFTER_S, Operating, Stalling
from bot.membrane.sweeping import Sweeping
from bot.membrane.tokens import Tokens
from bot.membrane.vault import Vault, fits
from bot.store.messages import CARD_3, CLICKED, REST
from bot.store.turns import UPDATES, Head

__all__ = [
    "BY_ITSELF",
    "CARD_3",
    "CLICKED",
    "OPEN",
    "REST",
    "RETRY_AFTER_S",
    "UNFIT",
    "UPDATES",
    "Admins",
    "Asked",
    "Bells",
    "Call",
    "CardFacts",
    "Core",
    "DigestFacts",
    "Digesting",
    "Directory",
    "Executing",
    "Facts",
    "Freezes",
    "Head",
    "Hosting",
    "Interrupts",
    "Judging",
    "Membrane",
    "NoticeFacts",
    "Operating",
    "Outbox",
    "Owed",
    "Parked",
    "Pointers",
    "Proposals",
    "ReceiptFacts",
    "Resolved",
    "Resolving",
    "Stalling",
    "Sweeping",
    "Tokens",
    "Vault",
    "Wish",
    "fits",
    "made_at",
    "new_id",
    "sealed_under",
    "stranded",
    "wait_for",
]
