#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh PACKAGE... - install the Debian packages that are not there yet.

set -eu
missing=
for package; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
	[ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "setup: nothing to install"
	exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null || {
		echo "setup: not root and no sudo; as root, run: apt-get install$missing" >&2
		exit 1
	}
fi
echo "setup: installing$missing"
$as_root apt-get -q update
# $missing is a list of words.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
