"""What a cell asks of other machines and of SQL servers: recorded by address, without secrets, as not certain."""

import http.server
import logging
import threading

import pytest

import mlops_nb
from mlops_nb.capture.files.remotes import redacted
from mlops_nb.errors import NotFound
from mlops_nb.lineage.references import resolve


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"answer")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


class Serving(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that hangs up is none of the test's business."""


@pytest.fixture(scope="module")
def server():
    """The address of a server on this machine."""
    serving = Serving(("127.0.0.1", 0), Answering)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()


@pytest.mark.parametrize(
    "request_",
    [
        "import urllib.request\nurllib.request.urlopen(URL).read()",
        "import requests\nrequests.get(URL)",
        "import httpx\nhttpx.get(URL)",
        "import pandas as pd\npd.read_csv(URL)",
        "import http.client\nc = http.client.HTTPConnection(HOST)\nc.request('GET', '/data?token=hush')",
    ],
)
def test_a_request_is_an_input_by_its_address_without_secrets(cell, project, server, request_):
    address = f"http://{server}/data?token=hush#part"
    used = cell(f"URL, HOST = {address!r}, {server!r}", request_)
    assert used.edges() == {f"url:http://{server}/data": ("read", None)}
    assert "it is on another machine" in used.doubts()[f"url:http://{server}/data"]
    assert resolve(project, f"url:http://{server}/data")
    with pytest.raises(NotFound, match="no address 'http://elsewhere/'"):
        resolve(project, "url:http://elsewhere/")
    assert "hush" not in "".join(
        str(tuple(row)) for row in project.store.rows("SELECT name FROM node WHERE kind = 'external'")
    )


@pytest.mark.parametrize("client", ["requests.Session()", "httpx.Client()"])
def test_a_request_over_a_connection_that_is_kept_is_seen(cell, server, client):
    cell(f"import httpx, requests\nclient = {client}", f"client.get('http://{server}/one')")
    assert cell(f"client.get('http://{server}/two')").edges() == {f"url:http://{server}/two": ("read", None)}


def test_what_is_sent_is_an_output_too(cell, server):
    used = cell("import requests", f"requests.post('http://{server}/data', data=b'GET x')")
    assert used.edges() == {f"url:http://{server}/data": ("read wrote", None)}


def test_any_other_connection_is_an_input_by_host_and_port(cell, server):
    host, port = server.split(":")
    used = cell(f"import socket\nsocket.create_connection(({host!r}, {port})).close()")
    assert used.edges() == {f"url:tcp://{server}": ("read", None)}


def test_the_log_of_httpx_stays_as_it_was(cell, shell, server, caplog):
    logger = logging.getLogger("httpx")
    before = logger.level
    cell("import httpx", f"httpx.get('http://{server}/a')")
    assert not [record for record in caplog.records if record.name == "httpx"]
    with caplog.at_level(logging.INFO):
        cell(f"httpx.get('http://{server}/a')")
    assert [record.name for record in caplog.records if record.name == "httpx"] == ["httpx"]
    mlops_nb.unload_ipython_extension(shell)
    assert logger.level == before
    assert not logger.filters


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret@host.org:8443/a/b?key=1#x", "https://host.org:8443/a/b"),
        ("http://host.org", "http://host.org/"),
        ("ftp://anonymous@host.org/f.csv", "ftp://host.org/f.csv"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert redacted(address) == shown


def test_a_query_through_sqlalchemy_is_an_input_by_the_server_and_the_hash_of_its_text(cell, project):
    used = cell(
        """
import sqlalchemy
from sqlalchemy import event
engine = sqlalchemy.create_engine("sqlite://")
engine.url = sqlalchemy.engine.make_url("postgresql://me:hush@db.example:5432/sales")
""",
        "with engine.connect() as c: c.execute(sqlalchemy.text('SELECT 1')).fetchall()",
    )
    (reference,) = used.edges()
    assert reference.startswith("url:postgresql://db.example:5432/sales#")
    assert used.edges()[reference] == ("read", None)
    rows = project.store.rows("SELECT name FROM node WHERE kind = 'external'")
    assert not [row for row in rows if "hush" in row["name"] or "SELECT" in row["name"]]


def test_a_file_asked_through_a_pool_of_sqlalchemy_is_an_input_each_time(cell):
    cell("import sqlalchemy\nengine = sqlalchemy.create_engine('sqlite:///x.db')")
    cell("with engine.begin() as c: c.execute(sqlalchemy.text('CREATE TABLE t (a)'))")
    assert list(
        cell("with engine.connect() as c: c.execute(sqlalchemy.text('SELECT * FROM t')).fetchall()").edges()
    ) == ["file:x.db"]
