# Shared by scripts/test, scripts/demo, scripts/package-deb and .ci/run. Sourced, never run.
# Says what happens on standard error; standard output belongs to the caller.
# shellcheck shell=bash

AGP_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
AGP_CACHE=${AGP_CACHE:-/var/cache/antigravity-proxy-dev}
AGP_RELEASES=(bookworm trixie)
export AGP_ROOT AGP_CACHE
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || die "$1 needs root: it installs packages and boots containers." "Run: sudo $1"
}

need_debian() {
  command -v apt-get > /dev/null && command -v dpkg-query > /dev/null ||
    die "this set-up knows Debian only (12 and 13): apt-get is not here." \
      "The product itself is built with 'meson setup build && ninja -C build' on any system."
}

# The package lists are refreshed at most once a run, and only when something is missing.
AGP_APT_UPDATED=
apt_update_once() {
  [ -n "$AGP_APT_UPDATED" ] && return 0
  apt-get -qq update >&2 || note "warning: apt-get update failed, going on with the lists that are here"
  AGP_APT_UPDATED=1
}

# host_packages NAME...: installs what is missing on this machine.
host_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2> /dev/null)" = 'ii ' ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "installing ${missing[*]}"
  apt_update_once
  apt-get -qq -y --no-install-recommends install "${missing[@]}" >&2 ||
    die "could not install: ${missing[*]}" "See the messages of apt-get above."
}

# optional_packages NAME...: installs what there is of them, one by one, and goes on without the others.
optional_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2> /dev/null)" = 'ii ' ] && continue
    apt_update_once
    apt-get -qq -y --no-install-recommends install "$name" >&2 || note "warning: could not install $name"
  done
}

# ninja, in the locale of most shells: ccache keeps what was compiled in another one apart.
compile() {
  env -u LC_ALL -u LC_CTYPE -u LC_MESSAGES LANG=C.UTF-8 ninja "$@"
}

# The build dependencies have one home, packaging/debian/control; the host takes them from there too.
host_build_dependencies() {
  # Besides: the shells that completions are for, and what checks manual pages. A test says so without them.
  host_packages dpkg-dev fish mandoc zsh
  dpkg-checkbuilddeps "$AGP_ROOT/packaging/debian/control" 2> /dev/null && return 0
  say "installing the build dependencies"
  apt_update_once
  local dir
  dir=$(mktemp -d)
  mkdir "$dir/debian"
  cp "$AGP_ROOT/packaging/debian/control" "$dir/debian/control"
  (cd "$dir" && apt-get -qq -y --no-install-recommends build-dep ./ >&2) ||
    { rm -rf "$dir"; die "could not install the build dependencies" "They are listed in packaging/debian/control."; }
  rm -rf "$dir"
}

# tree_files: the files of this checkout that belong to the project, NUL-separated, relative.
tree_files() {
  if git -C "$AGP_ROOT" -c safe.directory="$AGP_ROOT" rev-parse --git-dir > /dev/null 2>&1; then
    # A file that was deleted but not yet committed is still listed: keep what is there.
    git -C "$AGP_ROOT" -c safe.directory="$AGP_ROOT" ls-files -z -co --exclude-standard --deduplicate |
      (cd "$AGP_ROOT" && xargs -0 sh -c 'for f; do [ -e "$f" ] || [ -L "$f" ] && printf "%s\0" "$f"; done' sh)
  else
    (cd "$AGP_ROOT" && find . -path ./.git -prune -o -path './build*' -prune -o -type f -print0)
  fi
}

# What a run that was killed left in the cache; a running one is never a day old.
sweep_cache() {
  [ -d "$AGP_CACHE" ] || return 0
  find "$AGP_CACHE" -maxdepth 1 \( -name '.test-*' -o -name '.package-*' -o -name '*.old.*' \) -mtime +0 \
    -exec rm -rf --one-file-system {} +
}
