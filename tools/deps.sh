#!/bin/sh
# Installs what is missing, and nothing when nothing is missing.
# Usage: tools/deps.sh [--check] GROUP...      groups: build test coverage train
#   --check  installs nothing; says what is missing and fails
#
# What counts is the capability, not the package: a meson that came some other way is fine.
set -u
cd "$(dirname "$0")/.." || exit 1

# group | how to see that it is there | Debian package | why. A group in capitals is optional: the
# tests that want it are skipped, with the reason, where it cannot be had.
needs() {
    cat <<'END'
build|cmd cc|gcc libc6-dev|C compiler
build|cmd meson|meson|build system
build|cmd ninja|ninja-build|build system
build|cmd pkg-config|pkg-config|finds libraries
build|pc jansson|libjansson-dev|JSON
build|pc libpcre2-8|libpcre2-dev|regular expressions of tokenizers
build|pc libutf8proc|libutf8proc-dev|Unicode tables
build|pc libedit|libedit-dev|line editing in hence chat
build|pc libevent_core|libevent-dev|event loops of the server
build|pc openssl|libssl-dev|TLS of the server
build|header http_parser.h|libhttp-parser-dev|HTTP requests
build|pc libprotobuf-c|libprotobuf-c-dev|ONNX files
build|cmd protoc-c|protobuf-c-compiler|their schema, to C
build|header onnx/onnx.proto|libonnx-dev|their schema
build|pc libjpeg|libjpeg62-turbo-dev|JPEG in graphs
build|pc libpng|libpng-dev|PNG in graphs
build|pc yaml-0.1|libyaml-dev|configuration files
test|cmd openssl|openssl|a certificate for the tests
test|cmd clang|clang|second compiler, sanitizers
test|clang-rt|CLANG_RT|sanitizer and fuzzing run-times
test|cmd objdump|binutils|looks for leaked instructions
test|pc check|check|C unit tests
test|py json|python3|test runner
test|py numpy|python3-numpy|reference forwards
test|py jinja2|python3-jinja2|oracle of chat templates
TEST|py prometheus_client|python3-prometheus-client|reads the metrics as Prometheus does
TEST|py xgboost|python3-xgboost|oracle of gradient-boosted trees
TEST|cmd node|nodejs|clients of the server
TEST|py onnx|python3-onnx|writes graphs for tests
TEST|py torch|python3-torch|oracle of graphs
TEST|cmd npm|npm|their packages
TEST|cmd valgrind|valgrind|counts instructions
TEST|cmd qemu-x86_64|qemu-user|a processor without AVX
TEST|cmd shellcheck|shellcheck|checks the scripts
TEST|cmd clang-format|clang-format|checks the formatting
TEST|cmd mandoc|mandoc|checks the manual page
coverage|cmd gcovr|gcovr|coverage figures
train|py torch|python3-torch|trains the starter model
train|blas|libopenblas0-pthread|makes its matrices fast
END
}

python=/usr/bin/python3
[ -x $python ] || python=python3

have() { # have KIND [NAME]
    case $1 in
    cmd) command -v "$2" >/dev/null 2>&1 ;;
    pc) pkg-config --exists "$2" 2>/dev/null ;;
    header) echo "#include <$2>" | cc -E - >/dev/null 2>&1 ;;
    py) $python -c "import importlib.util as u, sys; sys.exit(u.find_spec('$2') is None)" \
        2>/dev/null ;;
    blas) /sbin/ldconfig -p 2>/dev/null | grep -q -e libopenblas -e libblis -e libmkl_rt ;;
    clang-rt) [ -e "$(clang -print-file-name=libclang_rt.asan-x86_64.a 2>/dev/null)" ] ;;
    esac
}

# The run-times of Debian's default clang have its version in their name.
package_name() {
    if [ "$1" = CLANG_RT ]; then
        v=$(apt-cache depends clang 2>/dev/null |
            sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
        echo "libclang-rt-${v:-14}-dev"
    else
        echo "$1"
    fi
}

check=no
if [ "${1-}" = --check ]; then
    check=yes
    shift
fi
groups=" $* "

# What is missing, one "package|why" per line; `$1` selects "required" or "optional".
missing() {
    needs | while IFS='|' read -r group test package why; do
        lower=$(printf %s "$group" | tr '[:upper:]' '[:lower:]')
        case $groups in *" $lower "*) ;; *) continue ;; esac
        if [ "$group" = "$lower" ]; then kind=required; else kind=optional; fi
        [ $kind = "$1" ] || continue
        # shellcheck disable=SC2086 # kind and name are two words
        have $test || echo "$package|$why"
    done
}

required=$(missing required)
optional=
[ $check = yes ] || optional=$(missing optional)
[ -n "$required$optional" ] || exit 0

list() {
    printf '%s\n' "$required" "$optional" | while IFS='|' read -r package why; do
        [ -z "$package" ] || printf '  %-22s %s\n' "$(package_name "$package")" "$why" >&2
    done
}

elsewhere() {
    cat >&2 <<'END'
apt is not here. Install the same things with this system's own tools, for example
  Fedora   dnf install gcc meson ninja-build pkgconf jansson-devel pcre2-devel utf8proc-devel libedit-devel libevent-devel openssl-devel http-parser-devel libyaml-devel protobuf-c-devel protobuf-c-compiler onnx-devel libjpeg-turbo-devel libpng-devel
  Arch     pacman -S gcc meson ninja pkgconf jansson pcre2 libutf8proc libedit libevent openssl http-parser libyaml protobuf-c onnx libjpeg-turbo libpng
  Alpine   apk add build-base meson samurai pkgconf jansson-dev pcre2-dev utf8proc-dev libedit-dev libevent-dev openssl-dev http-parser-dev yaml-dev protobuf-c-dev onnx-dev libjpeg-turbo-dev libpng-dev
and, for the tests: clang, check, python3 with numpy and jinja2, qemu-user. Then run make again.
END
}

if [ $check = yes ]; then
    echo 'hence: to build, these are missing:' >&2
    list
    if command -v apt-get >/dev/null 2>&1; then
        echo 'Run "make deps" to install them.' >&2
    else
        elsewhere
    fi
    exit 1
fi

if ! command -v apt-get >/dev/null 2>&1; then
    # Optional tools alone are no reason to stop.
    [ -n "$required" ] || exit 0
    echo 'hence: these are missing:' >&2
    list
    elsewhere
    exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        [ -n "$required" ] || exit 0
        echo 'hence: these are missing, and installing them needs root (there is no sudo here):' >&2
        list
        echo 'As root, run: make deps deps-test' >&2
        exit 1
    fi
    as_root='sudo'
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { # install PACKAGE...; one retry with fresh lists, since old ones name files long gone
    apt install "$@" >"$log" 2>&1 && return 0
    apt update >>"$log" 2>&1 && apt install "$@" >"$log" 2>&1
}

echo "hence: installing what is missing with apt${as_root:+ (through sudo)}:" >&2
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    echo '  (package lists are empty: apt-get update first)' >&2
    apt update >"$log" 2>&1 || cat "$log" >&2
fi
list

names() {
    printf '%s\n' "$1" | while IFS='|' read -r package _; do
        [ -z "$package" ] || package_name "$package"
    done
}

# shellcheck disable=SC2046 # one word per package
if [ -n "$required" ] && ! install $(names "$required"); then
    cat "$log" >&2
    echo 'hence: apt could not install them; the text above says why.' >&2
    exit 1
fi
for package in $(names "$optional"); do
    install "$package" || echo "hence: $package is not to be had here; its tests are skipped" >&2
done

still=$(missing required)
[ -z "$still" ] && exit 0
echo 'hence: installed, but still not found:' >&2
required=$still optional='' list
exit 1
