#!/bin/bash
# Adds what the reference supervisor and runner need to a Debian-like root:
# sudo, git, procps and certificates, each only when missing. The two commands
# themselves are static binaries that the harness brings along.
#
# Runs as root, with network, in a container, in a bare trixie root, or in a layer
# over a Debian-like host. Runs again without harm.
set -euo pipefail
umask 022

step() { printf '[%s/2] %s\n' "$1" "$2" >&2; }
fail() {
	printf 'provision reference: %s\n' "$1" >&2
	exit 1
}

missing_packages() {
	command -v sudo >/dev/null || echo sudo
	command -v git >/dev/null || echo git
	command -v ps >/dev/null || echo procps
	command -v update-ca-certificates >/dev/null || echo ca-certificates
}

# Services must not start in a root that is being prepared; a policy that was
# there before stays.
forbid_services() {
	policy=/usr/sbin/policy-rc.d
	[[ -e ${policy} ]] && return
	printf '#!/bin/sh\nexit 101\n' >"${policy}"
	chmod 755 "${policy}"
	trap 'rm -f "${policy}"' EXIT
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages)
	if [[ ${#missing[@]} -eq 0 ]]; then
		return
	fi
	printf 'installing: %s\n' "${missing[*]}" >&2
	forbid_services
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update >&2
	apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
	apt-get -q clean >&2
	rm -rf /var/lib/apt/lists/*
}

[[ $(id -u) -eq 0 ]] || fail "must run as root"
command -v apt-get >/dev/null || fail "no apt-get: a Debian-like root is needed"

step 1 "Debian packages"
install_packages
step 2 "done: $(sudo --version | head -n 1)"
