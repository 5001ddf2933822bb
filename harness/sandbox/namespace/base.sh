# Makes a minimal Debian root as a tar, inside a throw-away layer over the host:
# what it installs is gone afterwards.
set -eu
export DEBIAN_FRONTEND=noninteractive
if ! command -v mmdebstrap >/dev/null; then
	echo "[1/2] fetching mmdebstrap" >&2
	apt-get -q update >&2
	apt-get -q install -y --no-install-recommends mmdebstrap debian-archive-keyring >&2
fi
echo "[2/2] downloading and unpacking Debian $1" >&2
mmdebstrap --mode=root --variant=minbase --format=tar "$1" "$2" </dev/null >&2
