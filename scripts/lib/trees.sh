# Cached file system trees: base, build and runtime for each Debian release. Sourced, never run.
#
# A tree is made under a temporary name and renamed when it is whole; beside it lies NAME.recipe,
# written last, with a hash of everything that went into it. A tree without a matching recipe is
# stale or half made, and is made again.
# shellcheck shell=bash

# What the tree named is for; part of the recipe, so that a change here makes new trees.
AGP_BASE_PACKAGES=systemd,systemd-sysv,dbus,iproute2,ca-certificates
AGP_BUILD_PACKAGES='build-essential ccache fakeroot debhelper'
# The .rpm is built and installed on one release alone: what is tested is its own part.
AGP_RPM_RELEASE=trixie
build_packages() { # SUITE
  echo "$AGP_BUILD_PACKAGES"
  [ "$1" != "$AGP_RPM_RELEASE" ] || echo rpm rpmlint
  [ "$1" = bookworm ] || echo lintian # that of Debian 12 knows less, and it is the same package
}
# What the system tests use beside the package's own dependencies.
AGP_RUNTIME_PACKAGES='autopkgtest polkitd iptables curl jq procps openssl libglib2.0-bin sudo'
runtime_packages() { # SUITE
  echo "$AGP_RUNTIME_PACKAGES"
  [ "$1" = bookworm ] || echo python3-openai # Debian 12 has none
  [ "$1" != "$AGP_RPM_RELEASE" ] || echo rpm
}
# Programs that cases of their own start: some change the firewall behind our back, one receives
# metrics. Nothing of them runs or starts by itself: a container is as if they were not there.
# Each has a unit of its name.
idle_packages() { # SUITE
  printf '%s' 'firewalld ufw nftables'
  [ "$1" = bookworm ] || printf ' %s' victoria-metrics # that of Debian 12 takes no OTLP
}

# The mirror: the one this machine's apt uses if it runs Debian, else debootstrap's own default.
debian_mirror() {
  # shellcheck source=/dev/null
  [ "$(. /etc/os-release && echo "$ID")" = debian ] || return 0
  local codename
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(SITE)' 2> /dev/null |
    awk -v c="$codename" '$1 == "Packages" && $2 == c && $3 ~ /^https?:/ { print $3; exit }'
}

tree_path() { echo "$AGP_CACHE/$1-$2"; } # KIND SUITE

tree_is_current() { # PATH RECIPE
  [ -d "$1" ] && [ "$(cat "$1.recipe" 2> /dev/null)" = "$2" ]
}

# Puts the finished tree $1.new in place of $1. A tree in use by an overlay mount keeps its inodes.
tree_commit() { # PATH RECIPE
  rm -f "$1.recipe"
  if [ -e "$1" ]; then
    mv "$1" "$1.old.$$"
    rm -rf --one-file-system "$1.old.$$"
  fi
  mv "$1.new" "$1"
  echo "$2" > "$1.recipe"
}

# in_tree ROOT [BIND...] -- COMMAND...: runs a command chrooted, in mount and process namespaces
# of its own, so that nothing stays mounted or running whatever happens. BIND is HOST:INSIDE.
in_tree() {
  local root=$1
  shift
  local binds=()
  while [ "$1" != -- ]; do
    binds+=("$1")
    shift
  done
  shift
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -euc '
    root=$1; count=$2; shift 2
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    for ((i = 0; i < count; i++)); do
      mkdir -p "$root/${1#*:}"
      mount --bind "${1%%:*}" "$root/${1#*:}"
      shift
    done
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
      ${https_proxy:+https_proxy="$https_proxy"} "$@"
  ' in_tree "$root" "${#binds[@]}" "${binds[@]}" "$@"
}

# in_overlay TREE WORK [BIND...] -- COMMAND...: the same on an overlay, so that the tree stays as it is. What is
# written goes to the directory WORK.
in_overlay() {
  mkdir -p "$2/upper" "$2/over" "$2/root"
  # shellcheck disable=SC2016
  unshare --mount bash -euc '
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/over" "$3/root"
    . "$1/scripts/lib/common.sh"; . "$1/scripts/lib/trees.sh"
    in_tree "$3/root" "${@:4}"' in_overlay "$AGP_ROOT" "$@"
}

# Makes a fresh tree able to install: name service, no services started, no needless fsync.
tree_prepare_apt() { # ROOT
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
  chmod 755 "$1/usr/sbin/policy-rc.d"
  echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-include /usr/share/doc/*/copyright\n' \
    > "$1/etc/dpkg/dpkg.cfg.d/no-docs"
  printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' > "$1/etc/apt/apt.conf.d/90agp"
  apt-config dump 2> /dev/null | grep -E '^Acquire::https?::Proxy ' >> "$1/etc/apt/apt.conf.d/90agp" || true
}

tree_finish() { # ROOT: what a container must not inherit from the set-up
  rm -f "$1/usr/sbin/policy-rc.d" "$1/etc/resolv.conf" "$1/etc/machine-id"
  : > "$1/etc/machine-id"
  rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*_*
}

# One maker at a time and per tree; the others wait and then find it made.
with_tree_lock() { # KIND SUITE FUNCTION
  mkdir -p "$AGP_CACHE"
  local fd
  exec {fd}> "$AGP_CACHE/.lock-$1-$2"
  flock "$fd"
  "$3" "$2"
  exec {fd}>&-
}

base_recipe() { # SUITE
  echo "base 1 $1 $AGP_BASE_PACKAGES" | sha256sum | cut -c1-16
}

make_base_tree() { # SUITE
  local path recipe mirror
  path=$(tree_path base "$1")
  recipe=$(base_recipe "$1")
  tree_is_current "$path" "$recipe" && return 0
  say "making the base tree of $1 (once; about a minute)"
  rm -rf --one-file-system "$path.new"
  mirror=$(debian_mirror)
  debootstrap --variant=minbase --include="$AGP_BASE_PACKAGES" "$1" "$path.new" ${mirror:+"$mirror"} \
    > "$path.log" 2>&1 || { tail -n 20 "$path.log" >&2; die "debootstrap of $1 failed, see $path.log"; }
  tree_commit "$path" "$recipe"
}

derive_tree() { # KIND SUITE RECIPE COMMAND...: base tree plus what COMMAND installs
  local path base recipe=$3
  path=$(tree_path "$1" "$2")
  base=$(tree_path base "$2")
  tree_is_current "$path" "$recipe" && return 0
  say "making the $1 tree of $2 (once; a minute or two)"
  rm -rf --one-file-system "$path.new"
  cp -a --reflink=auto "$base" "$path.new"
  tree_prepare_apt "$path.new"
  "${@:4}" "$path.new" > "$path.log" 2>&1 || { tail -n 20 "$path.log" >&2; die "the $1 tree of $2 failed, see $path.log"; }
  tree_finish "$path.new"
  tree_commit "$path" "$recipe"
}

install_build_dependencies() { # SUITE ROOT
  mkdir -p "$2/srv/deps/debian"
  cp "$AGP_ROOT/packaging/debian/control" "$2/srv/deps/debian/control"
  in_tree "$2" -- sh -euc "apt-get -q update
    apt-get -q -y install $(build_packages "$1" | tr '\n' ' ')
    cd /srv/deps && apt-get -q -y build-dep ./"
}

make_build_tree() { # SUITE
  with_tree_lock base "$1" make_base_tree
  local recipe
  recipe=$({
    base_recipe "$1"
    echo "build 1 $(build_packages "$1")"
    # Only the fields that decide what is installed: a new description is no reason for a new tree.
    sed -n '/^Build-Depends/,/^[A-Z]/p' "$AGP_ROOT/packaging/debian/control"
  } | sha256sum | cut -c1-16)
  derive_tree build "$1" "$recipe" install_build_dependencies "$1"
}

install_runtime_packages() { # SUITE ROOT
  in_tree "$2" -- sh -euc "apt-get -q update
    apt-get -q -y install $(runtime_packages "$1" | tr '\n' ' ')
    apt-get -q -y install $(idle_packages "$1")
    apt-get -q -y satisfy '$AGP_DEB_DEPENDS'
    systemctl disable $(idle_packages "$1")"
}

# The runtime tree holds everything the package depends on but not the package: installing the .deb
# in a container without network then works, and proves that Depends is complete.
make_runtime_tree() { # SUITE, with AGP_DEB naming the package
  with_tree_lock base "$1" make_base_tree
  local recipe
  AGP_DEB_DEPENDS=$(dpkg-deb -f "$AGP_DEB" Depends)
  recipe=$({
    base_recipe "$1"
    echo "runtime 2 $(runtime_packages "$1") $(idle_packages "$1") $AGP_DEB_DEPENDS"
  } | sha256sum | cut -c1-16)
  derive_tree runtime "$1" "$recipe" install_runtime_packages "$1"
}

build_tree() { with_tree_lock build "$1" make_build_tree && tree_path build "$1"; }
runtime_tree() { AGP_DEB=$2 with_tree_lock runtime "$1" make_runtime_tree && tree_path runtime "$1"; }
