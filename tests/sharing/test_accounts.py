"""Remotes that check who one is: S3 with accounts, and SSH with keys."""

import json
import re

import boto3
import pytest
from moto import settings

from dl4ia.base.errors import UserError
from dl4ia.sharing import fetch, share
from tests.sharing.conftest import s3_remote
from tests.sharing.ssh import make_key, ssh_server

_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def files(workspace):
    return {path.name: path.read_bytes() for path in (workspace.root / "out").rglob("[!.]*") if path.is_file()}


def account(name, *policies):
    """Create an account of S3 with some rights; return its key and secret."""
    iam = boto3.client("iam")
    iam.create_user(UserName=name)
    for policy in policies:
        iam.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def use(monkeypatch, key, secret):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)


@pytest.mark.system
def test_credentials_that_s3_refuses_are_one_line_and_the_right_ones_send_the_rest(
    owner, request, tmp_path, monkeypatch
):
    remote, before = s3_remote(request, tmp_path.name), files(owner)
    (key, secret), stranger = account("ann", _ALL), account("bob")
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)  # the server checks accounts from now on
    message = re.escape(f"{remote.address}: Forbidden: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    for wrong in (("AKIANOBODY", secret), (key, "wrong"), stranger):
        use(monkeypatch, *wrong)
        with pytest.raises(UserError, match=message) as caught:
            share(owner.root, remote.address)
        assert "\n" not in str(caught.value)
        assert files(owner) == before
    use(monkeypatch, key, secret)
    assert "2 of 2 outputs" in share(owner.root, None)
    owner.commit("Share")
    clone = owner.clone(tmp_path / "clone")
    use(monkeypatch, key, "wrong")
    with pytest.raises(UserError, match=message):
        fetch(clone.root)
    use(monkeypatch, key, secret)
    fetch(clone.root)
    assert files(clone) == before


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without keys, and no agent."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path / "home"


@pytest.mark.system
def test_a_clone_fetches_what_was_shared_through_ssh(owner, home, tmp_path):
    with ssh_server() as server:
        server.trust(home)
        server.admit(home)
        assert share(owner.root, server.address).startswith(f"{server.address} has 2 of 2 outputs of dvc.lock (")
        owner.commit("Share")
        clone = owner.clone(tmp_path / "clone")
        assert fetch(clone.root) == "2 of 2 outputs are as in dvc.lock"
    assert files(clone) == files(owner)


@pytest.mark.slow
def test_a_machine_that_ssh_does_not_know_or_that_does_not_know_the_key_is_one_line(owner, home):
    before = files(owner)

    def refused(message):
        with pytest.raises(UserError, match=message) as caught:
            share(owner.root, server.address)
        assert "\n" not in str(caught.value)
        assert files(owner) == before

    with ssh_server() as server:
        server.admit(home)
        refused(r"Host key is not trusted for host 127.0.0.1: call `ssh` with this machine and port once")
        server.trust(home, key=make_key(home))  # that of another machine
        refused(r"Host key is not trusted .* if it warns of a key that has changed, ask whoever runs the machine")
        server.trust(home)
        refused(r"Permission denied for user .*: the agent must have a key that this machine admits, or ~/.ssh/config")
    refused(r"Connect call failed .*check the address, the network")
