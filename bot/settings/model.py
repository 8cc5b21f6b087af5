"""The settings, with their defaults and descriptions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.domain.digest import Keyring
from bot.domain.risk import Tier
from bot.errors import SettingsError
from bot.settings import keyfile
from bot.settings.value_checks import (
    SECRET_LENGTH,
    Network,
    each_long_enough,
    graph_names,
    long_enough,
    lower,
    networks,
    slack_url,
    split,
    token,
)

PREFIX = "MEMBRANE_"


class DeliveryMode(StrEnum):
    """How Slack's events and clicks reach the bot."""

    SOCKET = "socket"
    HTTP = "http"


class LogFormat(StrEnum):
    """The format of a log line."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """The settings. Read them with `bot.settings.load`, which reports all problems at once."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    slack_bot_token: Annotated[SecretStr, token("xoxb", "the app's page OAuth & Permissions")] | None = Field(
        None, validation_alias="SLACK_BOT_TOKEN", description="the bot's token (xoxb-…), needed to run"
    )
    slack_app_token: Annotated[SecretStr, token("xapp", "the app's page Basic Information")] | None = Field(
        None,
        validation_alias="SLACK_APP_TOKEN",
        description="the app-level token (xapp-…) with connections:write, needed for delivery by socket",
    )
    slack_signing_secret: Annotated[SecretStr, AfterValidator(long_enough)] | None = Field(
        None,
        validation_alias="SLACK_SIGNING_SECRET",
        description="the app's signing secret, needed for delivery by http",
    )
    slack_api_url: Annotated[str, AfterValidator(slack_url)] = Field(
        "https://slack.com/api/", description="the URL of Slack's Web API; a local workspace prints its own"
    )
    slack_pace: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="how fast the bot sends to Slack: 1 is Slack's documented rate, 0.5 leaves half of it to "
        "another program of the same app; use more than 1 only with a workspace on this machine",
    )
    delivery: Annotated[DeliveryMode, BeforeValidator(lower)] = Field(
        DeliveryMode.SOCKET,
        description="how clicks arrive: socket (no public address needed) or http (POST /slack/events)",
    )
    data: Path = Field(Path(".membrane"), description="the folder of the databases and the generated secret")
    policy: Path = Field(Path("policies/default.yaml"), description="the policy file")
    policy_refuse_looser: bool = Field(
        False,  # noqa: FBT003
        description="1: a looser policy comes into force only after `membrane policy apply`",
    )
    secret: Annotated[SecretStr, AfterValidator(long_enough)] | None = Field(
        None,
        description=f"the key of the args digests, at least {SECRET_LENGTH} characters; if it is not set, "
        "the bot generates one in the data folder",
    )
    secret_old: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(split), AfterValidator(each_long_enough)
    ] = Field(
        (),
        description="earlier values of MEMBRANE_SECRET that are still needed, separated by commas; "
        "`membrane secret status` lists them",
    )
    host: str = Field("127.0.0.1", min_length=1, description="the address that the HTTP API listens on")
    port: int = Field(
        8484, ge=0, le=65535, description="the port of the HTTP API, 1 to 65535; 0 picks a free one"
    )
    rate: float = Field(
        200.0, ge=0, description="average requests per second for one agent's token; 0 means no limit"
    )
    connections: int = Field(
        700,  # fits the usual limit of 1024 descriptors
        ge=16,
        description="simultaneous connections to the HTTP API; fewer if descriptors are short (ulimit -n)",
    )
    connections_per_peer: int = Field(
        200,
        ge=1,
        description="simultaneous connections of one address, or requests of one behind a trusted proxy",
    )
    agent_mb_a_day: float = Field(
        1000.0,
        ge=0,
        description="megabytes that the actions of one agent may add to the store per day; 0 means no limit",
    )
    disk_floor_mb: float = Field(
        200.0,
        ge=0,
        description="megabytes that agents must leave free on the data folder's disk; votes always count",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(networks)] = Field(
        (),
        description="addresses of proxies in front of the API whose X-Forwarded-For is trusted, as "
        "10.0.0.0/8, separated by commas",
    )
    graphs: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(graph_names)] = Field(
        (), description="graphs to host: name=path/file.py:graph, separated by commas, or a langgraph.json"
    )
    concurrency: int = Field(
        16,
        ge=1,
        le=256,
        description="threads of hosted graphs that run at once; their synchronous code may use twice as many",
    )
    retain_days: float = Field(
        7.0, ge=0, description="days to keep the saved state of a finished thread; its record stays"
    )
    retain_tier_0_days: float = Field(
        30.0,
        ge=0,
        description="days to keep passed actions of Tier 0 in the database before they move to the archive",
    )
    retain_tier_1_days: float = Field(
        90.0,
        ge=0,
        description="days to keep passed actions of Tier 1 in the database before they move to the archive",
    )
    archive: Path | None = Field(
        None,
        description="the folder for the archive of old passed actions [archive in MEMBRANE_DATA]",
    )
    head_file: Path | None = Field(
        None,
        description="a second note of where the journal ends, on another disk than MEMBRANE_DATA: it detects "
        "a restored database even if the whole folder was restored",
    )
    allow_filesystem: str | None = Field(
        None,
        description="allow MEMBRANE_DATA on this type of file system (nfs4, virtiofs, …), where SQLite's log "
        "is not safe in general: only if no other machine uses the folder",
    )
    sweep_s: float = Field(
        1.0, gt=0, le=60, description="seconds between sweeps for due work, so how late an expiry can be"
    )
    stop_s: float = Field(
        25.0,
        ge=1,
        le=3600,
        description="seconds that a stop may take in all; set fewer than the supervisor waits before it "
        "kills (Kubernetes 30); interrupted work continues at the next start",
    )
    heartbeat_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="the URL of an outside monitor, called every minute while all sweeps run",
    )
    log_level: Annotated[LogLevel, BeforeValidator(lower)] = Field(
        LogLevel.INFO, description="the lowest level that is logged: debug, info, warning or error"
    )
    log_format: Annotated[LogFormat, BeforeValidator(lower)] = Field(
        LogFormat.CONSOLE, description="console (for people) or json (one object per line)"
    )

    @property
    def database(self) -> Path:
        """The file of the membrane's own store."""
        return self.data / "membrane.db"

    @property
    def heads(self) -> tuple[Path, ...]:
        """The files that note where the journal ends, to detect a restored database."""
        own = self.data / "journal.head"
        return (own,) if self.head_file is None else (own, self.head_file)

    @property
    def threads_database(self) -> Path:
        """The file of LangGraph's saved state."""
        return self.data / "threads.db"

    @property
    def retain_s(self) -> float:
        """How long the saved state of a finished thread is kept, in seconds."""
        return self.retain_days * 86400

    @property
    def archive_folder(self) -> Path:
        """The folder for the archive of old passed actions."""
        return self.archive or self.data / "archive"

    @property
    def keep_s(self) -> dict[Tier, float]:
        """How long passed actions stay in the database, in seconds, by tier."""
        days = {Tier.TRANSPARENT: self.retain_tier_0_days, Tier.ASYNC_REVIEW: self.retain_tier_1_days}
        return {tier: kept * 86400 for tier, kept in days.items()}

    @property
    def grace_s(self) -> float:
        """How long a stop waits for running work before it cuts it off, in seconds."""
        return self.stop_s * 0.4

    @property
    def exit_s(self) -> float:
        """How long the process waits for threads of hosted code after the bot has stopped, in seconds."""
        return self.stop_s * 0.12

    @property
    def secret_file(self) -> Path:
        """The file of the generated keys. MEMBRANE_SECRET replaces it."""
        return self.data / "secret"

    def keyring(self, *, generate: bool = True) -> Keyring:
        """Return the keys of the args digests. Generate one in the data folder if none is set.

        Raises SettingsError if the key file cannot be used, or is missing and `generate` is False.
        """
        if self.secret is not None:
            given = (self.secret, *self.secret_old)
            return Keyring.of(*(each.get_secret_value().encode() for each in given))
        if self.secret_old:
            raise SettingsError(
                "MEMBRANE_SECRET_OLD is set without MEMBRANE_SECRET; set both, or neither: older keys are "
                f"then in {self.secret_file}, below the current one"
            )
        if not generate and not self.secret_file.exists():
            raise SettingsError(
                f"{self.secret_file} is missing, and the database beside it was written with it: put it "
                "back, or set MEMBRANE_SECRET. With a new one, waiting actions and sealed data are unusable"
            )
        return Keyring.of(*keyfile.read_or_generate(self.secret_file))
