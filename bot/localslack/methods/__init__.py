"""The Web API methods of the local workspace, by noun."""

from bot.localslack.method import Method
from bot.localslack.methods.basics import METHODS as BASICS
from bot.localslack.methods.chat import METHODS as CHAT
from bot.localslack.methods.conversations import METHODS as CONVERSATIONS
from bot.localslack.methods.users import METHODS as USERS
from bot.localslack.methods.views import METHODS as VIEWS

METHODS: dict[str, Method] = {**BASICS, **CHAT, **CONVERSATIONS, **USERS, **VIEWS}

#: Every scope that a method needs. Scopes that allow more, as chat:write.public, are not among them.
ALL_SCOPES = frozenset(scope for method in METHODS.values() for scope in method.scopes)
