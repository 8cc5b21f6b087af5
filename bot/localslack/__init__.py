"""A Slack workspace on this machine: the Web API, Socket Mode, people, and a page to act as them.

It knows nothing of the bot that it serves, and a bot made with slack-bolt cannot tell it from Slack. It
listens on loopback only and keeps everything in memory.
"""

from bot.localslack.call_log import ApiCall
from bot.localslack.credentials import Credentials
from bot.localslack.faults import Fault
from bot.localslack.local_slack import LocalSlack
from bot.localslack.northwind import northwind
from bot.localslack.person import Clicked, Person, PersonError, all_text, elements_of
from bot.localslack.workspace import Bot, Channel, RequestUrls, User, UserGroup, Workspace

__all__ = [
    "ApiCall",
    "Bot",
    "Channel",
    "Clicked",
    "Credentials",
    "Fault",
    "LocalSlack",
    "Person",
    "PersonError",
    "RequestUrls",
    "User",
    "UserGroup",
    "Workspace",
    "all_text",
    "elements_of",
    "northwind",
]
