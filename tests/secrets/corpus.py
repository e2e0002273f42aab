"""Secrets in the shapes that people really leak, made anew from their published formats at every call.

Nothing here is, or ever was, a key: the random part is drawn when a test runs, and the fixed part is put together from
pieces, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
WORD = LETTERS + "_-"
BASE64 = LETTERS + "+/"


def shaped(seed: int = 0) -> dict[str, str]:
    """Return secrets that are known by their shape alone, by what they are."""
    draw = random.Random(seed)

    def some(letters: str, size: int) -> str:
        while True:
            text = "".join(draw.choices(letters, k=size))
            if any(map(str.isdigit, text)) and text[0] not in "-_" and text[-1] not in "-_":
                return text

    def words(size: int) -> str:
        return base64.urlsafe_b64encode(draw.randbytes(size)).decode().rstrip("=")

    def pem(kind: str) -> str:
        lines = "\n".join(some(BASE64, 64) for _ in range(6))
        return f"-----BEGIN {kind}PRIVATE KEY" + f"-----\n{lines}\n-----END {kind}PRIVATE KEY" + "-----"

    jwt = "".join(("ey", "J", words(24), ".ey", "J", words(60), ".", words(32)))
    return {
        "aws access key": "AK" + "IA" + some(string.ascii_uppercase + "234567", 16),
        "aws temporary key": "AS" + "IA" + some(string.ascii_uppercase + "234567", 16),
        "github personal": "gh" + "p_" + some(LETTERS, 36),
        "github oauth": "gh" + "o_" + some(LETTERS, 36),
        "github server": "gh" + "s_" + some(LETTERS, 36),
        "github fine-grained": "github" + "_pat_" + some(LETTERS, 22) + "_" + some(LETTERS, 59),
        "gitlab": "gl" + "pat-" + some(WORD, 20),
        "slack bot": "xo" + f"xb-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(LETTERS, 24)}",
        "slack user": "xo" + f"xp-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(HEX, 32)}",
        "slack webhook": "https://hooks.slack.com/services/T" + some(string.ascii_uppercase + "234567", 8) + "/B" + some(LETTERS, 8) + "/" + some(LETTERS, 24),
        "openai": "s" + "k-" + some(LETTERS, 20) + "T3Blbk" + "FJ" + some(LETTERS, 20),
        "openai project": "s" + "k-proj-" + some(WORD, 74) + "T3Blbk" + "FJ" + some(WORD, 74),
        "openai service": "s" + "k-svcacct-" + some(WORD, 80),
        "anthropic": "s" + "k-ant-api03-" + some(WORD, 93) + "AA",
        "hugging face": "h" + "f_" + some(LETTERS, 34),
        "google": "AI" + "za" + some(WORD, 35),
        "google oauth": "GOC" + "SPX-" + some(WORD, 28),
        "stripe": "s" + "k_live_" + some(LETTERS, 24),
        "stripe restricted": "r" + "k_live_" + some(LETTERS, 24),
        "twilio": "S" + "K" + some(HEX, 32),
        "sendgrid": "S" + "G." + some(WORD, 22) + "." + some(WORD, 43),
        "mailgun": "ke" + "y-" + some(HEX, 32),
        "telegram": some("123456789", 10) + ":A" + "A" + some(WORD, 33),
        "npm": "np" + "m_" + some(LETTERS, 36),
        "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + some(WORD, 80),
        "databricks": "da" + "pi" + some(HEX, 32),
        "neptune": base64.b64encode(
            json.dumps({"api_address": "https://app.neptune.ai", "api_key": some(HEX, 36)}, separators=(",", ":")).encode()
        ).decode(),
        "wandb": "wan" + "db_v1_" + some(LETTERS, 60),
        "groq": "gs" + "k_" + some(LETTERS, 52),
        "azure client": some(LETTERS, 3) + "8" + "Q~" + some(LETTERS, 34),
        "jwt": jwt,
        "vault": "hv" + "s." + some(WORD, 90),
        "digitalocean": "do" + "p_v1_" + some(HEX, 64),
        "rsa key": pem("RSA "),
        "pkcs8 key": pem(""),
        "openssh key": pem("OPENSSH "),
    }  # fmt: skip


#: How a secret without a shape of its own is written: each line tells by a name, or by where it stands.
WRITTEN = (
    'password = "{}"',
    "db_password = '{}'",
    'connect(host="db", password="{}", user="bob")',
    '{{"password": "{}", "user": "bob"}}',
    "{{'client_secret': '{}'}}",
    'os.environ["SERVICE_TOKEN"] = "{}"',
    "export SERVICE_TOKEN={}",
    "%env SERVICE_TOKEN={}",
    "SERVICE_TOKEN={}",
    "!tool --password {} --verbose",
    "aws_secret_access_key = '{}'",
    "postgresql://bob:{}@db.example.com:5432/flights",
    "mongodb+srv://bob:{}@cluster0.example.mongodb.net/?retryWrites=true",
    "redis://:{}@localhost:6379/0",
    '"host=db user=bob password={} dbname=flights"',
    "Server=tcp:x.example.net;Uid=bob;Pwd={};Encrypt=yes",
    "https://api.example.com/v1?token={}&page=2",
    'headers = {{"Authorization": "Bearer {}"}}',
    "curl -H 'Authorization: token {}' https://api.example.com",
    "curl -u bob:{} https://api.example.com",
    'requests.get(url, auth=("bob", "{}"))',
    'frame.option("password", "{}")',
    "CREATE USER bob WITH PASSWORD '{}';",
    'api_key: "{}"',
    '"source": ["password = \\"{}\\"\\n"]',
    "<pre>password=&#x27;{}&#x27;</pre>",
    '\x1b[38;5;241mpassword\x1b[39m\x1b[38;5;241m=\x1b[39m\x1b[33m"\x1b[39m\x1b[33m{}\x1b[39m\x1b[33m"\x1b[39m',
    "machine api.example.com login bob password {}",
)


def unshaped(seed: int = 0, size: int = 20) -> str:
    """Return a random secret that has no shape of its own."""
    draw = random.Random(seed)
    return "q" + "".join(draw.choices(LETTERS, k=size)) + "7Zk"


#: What looks like a secret, or like the name of one, and is none.
INNOCENT = (
    "token_count = 5",
    "num_tokens = len(tokens)",
    'password_field = st.text_input("Password", type="password")',
    'password = getpass.getpass("Password: ")',
    'print("password: ", x)',
    'print("password:", pw, "user:", user)',
    "def connect(user: str, password: str, token: Optional[str] = None): ...",
    "connect(host=host, password=password, user=user)",
    "client = OpenAI(api_key=api_key)",
    'api_key = os.environ["OPENAI_API_KEY"]',
    'api_key = "<your-api-key>"',
    "token = os.getenv('HF_TOKEN')",
    "export SERVICE_TOKEN=$OTHER_TOKEN",
    "url = f'postgresql://{user}:{password}@{host}/db'",
    'headers = {"Authorization": f"Bearer {token}"}',
    'headers = {"Authorization": "Bearer " + token}',
    "print(sorted(words, key=lambda word: word.lower()))",
    "words.sort(key=len)",
    'tokenizer = load(pad_token="[PAD]", eos_token="</s>", unk_token="<unk>", max_tokens=512)',
    'frame = frame[["password", "username", "token"]]',
    'partition_key = "date"; sort_key = "timestamp"; primary_key = "customer_id"',
    'cache_key = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"',
    r'vectorizer = Vectorizer(token_pattern=r"([0-9]{1,3}(?:st|nd|rd|th))\s\b(\w{2,})\b")',
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "id 123e4567-e89b-12d3-a456-426614174000",
    "table1:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "n = 123456789012345678901234567890",
    "token: 0.95, loss: 0.123456789",
    "#sk-container-id-1 .sk-toggleable__label-arrow.sk-hidden--visually",
    "http://localhost:8888/lab?reset and https://example.com:8080/path/to@place",
    '{"keyring": "24.3.1", "secretstorage": "3.3.3", "tokenizers": "0.15.2", "python-jose": "3.3.0"}',
    "password=None, token=None, secret=None",
    "The password must have eight characters; a token is a word. Basic authentication, bearer of news.",
    "df.groupby('key').agg(total=('value', 'sum'))",
    "author = 'Patrick'; path = '/data/A1b2C3d4E5'; pattern = r'\\d+'",
)
