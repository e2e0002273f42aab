"""Secrets by their shape: the published formats of keys and tokens, and the places of a text that only hold secrets.

A shape is tried only where its mark, a literal part of it, is in the text: that costs nanoseconds. The expressions
are possessive or bounded, so that no text takes longer than in proportion to its length.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

#: What may stand before a secret: nothing of a word, or an escape such as the ``\\n`` of a ``repr`` or a ``%3D``.
EDGE = r"(?:(?<![A-Za-z0-9])|(?<=\\[abfnrtv])|(?<=%[0-9A-Fa-f]{2}))"
WIDE_EDGE = EDGE.replace("[A-Za-z0-9])|", r"[\w~.-])|", 1)  # where the secret itself has such letters
END = r"(?![A-Za-z0-9])"
SHORT = 5  # letters; a shorter prefix must be the beginning of a word

#: Label, prefixes, the letters that follow, and how many at least.
PREFIXED = (
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", "A-Za-z0-9", 36),
    ("github-token", "github_pat_", "A-Za-z0-9_", 22),
    ("gitlab-token", "glpat- glptt- gldt- glrt- glcbt- gloas- glsoat- glft- glagent-", r"\w.-", 20),
    ("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe. xapp-", r"\w.-", 10),
    ("anthropic-api-key", "sk-ant-", r"\w-", 20),
    ("openai-api-key", "sk-proj- sk-svcacct- sk-admin- sk-None- sk-or-v1-", r"\w-", 20),
    ("openai-api-key", "sk-", "A-Za-z0-9", 20),
    ("hugging-face-token", "hf_ api_org_", "A-Za-z0-9", 30),
    ("google-api-key", "AIza", r"\w-", 35),
    ("google-oauth", "GOCSPX- ya29.", r"\w.-", 20),
    ("google-oauth", "1//0", r"\w-", 30),
    ("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_ whsec_", "A-Za-z0-9+/=", 10),
    ("npm-token", "npm_", "A-Za-z0-9", 36),
    ("pypi-token", "pypi-AgE", r"\w-", 40),
    ("rubygems-key", "rubygems_", "0-9a-f", 48),
    ("docker-token", "dckr_pat_ dckr_oat_", r"\w-", 20),
    ("databricks-token", "dapi", "0-9a-f-", 32),
    ("wandb-api-key", "wandb_v1_", r"\w-", 20),
    ("neptune-token", "eyJhcGlfYWRkcmVzcyI6", r"A-Za-z0-9+/=_-", 20),
    ("groq-api-key", "gsk_", "A-Za-z0-9", 40),
    ("replicate-token", "r8_", "A-Za-z0-9", 30),
    ("ai-api-key", "pplx- xai- fw_ nvapi- jina_ pcsk_ lsv2_pt_ lsv2_sk_ tgp_v1_", r"\w-", 30),
    ("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", "0-9a-f", 64),
    ("aws-bedrock-key", "ABSK", "A-Za-z0-9+/=", 100),
    ("shopify-token", "shpat_ shpca_ shppa_ shpss_", "A-Fa-f0-9", 32),
    ("square-token", "sq0atp- sq0csp- EAAAE", r"\w-", 22),
    ("atlassian-token", "ATATT3 ATCTT3 ATBB", r"\w=-", 24),
    ("vault-token", "hvs. hvb.", r"\w-", 24),
    ("grafana-token", "glsa_ glc_", r"\w+/=", 30),
    ("sentry-token", "sntrys_ sntryu_", r"\w+/=", 30),
    ("linear-key", "lin_api_", "A-Za-z0-9", 40),
    ("notion-token", "ntn_", "A-Za-z0-9", 40),
    ("postman-key", "PMAK-", "a-f0-9-", 40),
    ("doppler-token", "dp.pt. dp.st. dp.sa.", r"\w.-", 40),
    ("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"\w.=-", 32),
    ("supabase-token", "sbp_ sb_secret_", r"\w-", 22),
    ("pulumi-token", "pul-", "a-f0-9", 40),
    ("age-secret-key", "AGE-SECRET-KEY-1", "A-Z0-9", 50),
    ("mailgun-key", "key-", "0-9a-f", 32),
    ("twilio-key", "SK", "0-9a-f", 32),
)

#: Label, marks, and an expression; where it has groups named ``secret``, only these are secret.
WRITTEN = (
    ("private-key", ("PRIVATE KEY",),
     r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s\\,:.\"']|-(?!----))*+"
     r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"),
    ("aws-secret-key", ("AKIA", "ASIA"),  # beside the access key that it belongs to
     r"(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9/+]{1,16}(?:[A-Za-z_]{1,40}[^A-Za-z0-9/+]{1,8})?+"
     r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
    ("aws-access-key", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
     rf"{EDGE}(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}{END}"),
    ("jwt", ("eyJ",), rf"{WIDE_EDGE}eyJ[\w-]{{8,}}+\.eyJ[\w-]{{8,}}+(?:\.[\w-]*+){{0,3}}"),
    ("sendgrid-key", ("SG.",), rf"{EDGE}SG\.[\w-]{{16,64}}+\.[\w-]{{16,64}}+"),
    ("slack-webhook", ("hooks.slack.com",),
     r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[\w/+-]{20,}+)"),
    ("discord-webhook", ("/api/webhooks/",),
     r"discord(?:app)?\.com/api/webhooks/\d{5,25}+/(?P<secret>[\w-]{30,}+)"),
    ("teams-webhook", ("webhook.office.com",), r"webhook\.office\.com/webhookb2/(?P<secret>[\w@/-]{40,}+)"),
    ("telegram-token", (":AA",), rf"{EDGE}\d{{7,12}}:AA[\w-]{{32,36}}+"),
    ("mailchimp-key", ("-us",), rf"{EDGE}[0-9a-f]{{32}}-us\d{{1,2}}{END}"),
    ("azure-key", ("AccountKey", "SharedAccessKey"),
     r"(?:AccountKey|SharedAccessKey)\s{0,2}=\s{0,2}(?P<secret>[A-Za-z0-9+/=%]{20,}+)"),
    ("azure-secret", ("Q~",), rf"{WIDE_EDGE}[\w~.]{{3}}\dQ~[\w~.-]{{31,40}}+"),
    ("url-signature", ("sig=", "ignature=", "Amz-Security-Token="),
     r"(?:[?&;]|%26)(?:sig|(?:X-(?:Amz|Goog)-)?Signature|X-Amz-Security-Token)=(?P<secret>[\w%+/=.-]{16,}+)"),
    ("url-password", ("://",),
     r"://[^\s:/?#@\"'<>\[\]]{0,128}+:(?!\d{1,5}[/?#])(?P<secret>[^\s/\"'<>]{1,512})@"),
    ("authorization", ("uthorization", "UTHORIZATION"),
     r"(?i:authorization)[\"'\]\\)]{0,6}\s{0,4}[:=,]{1,2}\s{0,4}\\{0,3}[fbr]{0,2}[\"']?"
     r"(?i:bearer|basic|token|api-?key|digest|negotiate)\s{1,4}+(?P<secret>[^\s\"'\\,;<>){}\]]{4,}+)"),
    ("bearer-token", ("earer ",), r"(?i:\bbearer)\s{1,4}+(?P<secret>[A-Za-z0-9._~+/=-]{20,}+)"),
    ("curl-password", ("curl",), r"(?<=\s)(?:-u|--user)[ =]?[\"']?[^\s:\"']{0,64}+:(?P<secret>[^\s\"']{1,256}+)"),
    ("basic-auth", ("auth=", "auth =", "BasicAuth", ".login("),
     r"(?:\bauth\s?=\s?\(|BasicAuth\(|\.login\()\s{0,8}([\"'])[^\"'\n]{0,64}+\1\s{0,8},\s{0,8}([\"'])"
     r"(?P<secret>[^\"'\n]{1,256}+)\2"),
    ("wandb-api-key", ("wandb", "WANDB"),
     r"(?i:wandb)[^\n]{0,48}?(?<![0-9a-f])(?P<secret>[0-9a-f]{40})(?![0-9a-f])"),
    ("netrc-password", ("machine ",), r"\blogin\s{1,4}\S{1,128}+\s{1,8}password\s{1,4}(?P<secret>\S{1,256}+)"),
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A kind of secret: its label, the marks of which its texts hold one, and its expression."""

    label: str
    marks: tuple[str, ...]
    expression: str

    @functools.cached_property
    def search(self) -> re.Pattern[str]:
        """The expression, compiled when a text first holds a mark."""
        return re.compile(self.expression)


def _prefixed(label: str, prefixes: str, letters: str, least: int) -> Shape:
    marks = tuple(prefixes.split())
    starts = "|".join(("" if len(mark) >= SHORT else EDGE) + re.escape(mark) for mark in marks)
    closed = END if letters in ("0-9a-f", "a-f0-9", "A-Fa-f0-9") else ""
    return Shape(label, marks, f"(?:{starts})[{letters}]{{{least},}}+{closed}")


SHAPES = (*(Shape(*row) for row in WRITTEN), *(_prefixed(*row) for row in PREFIXED))
#: The shapes that a text may hold, by mark.
BY_MARK: dict[str, list[Shape]] = {}
for _shape in SHAPES:
    for _found in _shape.marks:
        BY_MARK.setdefault(_found, []).append(_shape)
LEAST = 17  # characters that a secret of any shape has, but for the password of a URL: more than an ID
