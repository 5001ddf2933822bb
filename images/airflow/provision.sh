#!/bin/bash
# Puts Apache Airflow's task runner and worker into a Debian root (trixie or
# bookworm): sudo, git, procps, acl and a virtual environment in /opt/airflow
# that every account may read and execute.
#
# Runs as root inside that root, with network. Runs again without harm: what is
# present and of the pinned version stays. Used by the Dockerfile beside it and
# by the namespace sandbox.
#
# A certificate bundle in /run/secrets/ca.crt (the build secret "ca") is used for
# the downloads when it is there and not empty; it is not copied into the root.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
requirements=${here}/${1:-requirements.txt}
venv=/opt/airflow

step() { printf '[%s/4] %s\n' "$1" "$2" >&2; }
fail() {
	printf 'provision airflow: %s\n' "$1" >&2
	exit 1
}

# The venv of a bare python3 lacks ensurepip, so its presence says more than
# that of the command.
missing_packages() {
	command -v sudo >/dev/null || echo sudo
	command -v git >/dev/null || echo git
	command -v ps >/dev/null || echo procps
	command -v setfacl >/dev/null || echo acl
	command -v update-ca-certificates >/dev/null || echo ca-certificates
	command -v python3 >/dev/null || echo python3
	python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
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
	forbid_services
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update >&2
	apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
	apt-get -q clean >&2
	rm -rf /var/lib/apt/lists/*
}

use_certificates() {
	local bundle=/run/secrets/ca.crt
	[[ -s ${bundle} ]] || return 0
	export PIP_CERT=${bundle} SSL_CERT_FILE=${bundle} REQUESTS_CA_BUNDLE=${bundle}
}

# Installs exactly the pins: --no-deps because requirements.txt is complete, and
# "pip check" then proves that it is.
install_airflow() {
	[[ -x ${venv}/bin/python ]] || python3 -m venv "${venv}"
	"${venv}/bin/python" -m pip install --quiet --no-cache-dir --no-compile --no-deps \
		--disable-pip-version-check --no-input -r "${requirements}" >&2
	"${venv}/bin/python" -m pip check >&2
}

# The target users of a task cannot write into the venv: without compiled files
# each of their processes would compile Airflow anew.
make_ready() {
	"${venv}/bin/python" -m compileall -q "${venv}/lib" >&2
	chmod -R a+rX "${venv}"
	"${venv}/bin/python" - >&2 <<-'PY'
		from importlib.metadata import version
		for name in ("apache-airflow-core", "apache-airflow-task-sdk"):
		    print(name, version(name))
	PY
}

[[ $(id -u) -eq 0 ]] || fail "must run as root"
[[ -f ${requirements} ]] || fail "${requirements} is missing"
command -v apt-get >/dev/null || fail "no apt-get: a Debian root is needed"

step 1 "Debian packages"
install_packages
step 2 "virtual environment and Airflow from the package index"
use_certificates
install_airflow
step 3 "compile and open to all accounts"
make_ready
step 4 "done: ${venv}/bin/python"
