"""Remotes on machines that SSH leads to, which must prove who they are."""

from typing import Any

from dvc_ssh import SSHFileSystem  # type: ignore[import-untyped]


class CheckedSSHFileSystem(SSHFileSystem):  # type: ignore[misc]
    """DVC's, with the check of `ssh` itself: without it, DVC sends to whoever answers at the address.

    The key of the machine must be in ~/.ssh/known_hosts, or where ~/.ssh/config says.
    """

    def _prepare_credentials(self, **config: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever DVC's settings hold)
        return {**super()._prepare_credentials(**config), "known_hosts": ()}
