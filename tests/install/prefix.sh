# shellcheck shell=bash
# prefix.sh - running installed programs as a stranger would. Sourced after e2e/lib.sh.
HOME_OF_USER=$ROOT/home
PREFIX=$HOME_OF_USER/moved
NOBODY=65534

# user COMMAND...: as an ordinary user with nothing of ours in the environment.
user() {
    local clean=(env -i PATH=/usr/bin:/bin HOME="$HOME_OF_USER" LANG=C.UTF-8)
    if [ "$(id -u)" = 0 ]; then
        [ -d "$HOME_OF_USER" ] ||
            install -d -o $NOBODY -g $NOBODY "$HOME_OF_USER"
        setpriv --reuid=$NOBODY --regid=$NOBODY --clear-groups "${clean[@]}" "$@"
    else
        mkdir -p "$HOME_OF_USER"
        "${clean[@]}" "$@"
    fi
}

# hidden COMMAND...: likewise, where the source tree and the build tree are empty folders.
hidden() {
    if [ "$(id -u)" != 0 ]; then
        user "$@"
        return
    fi
    SOURCE=$SOURCE BUILD=$BUILD unshare --mount sh -ec '
        mount -t tmpfs none "$BUILD"
        mount -t tmpfs none "$SOURCE"
        home=$1; id=$2; shift 2
        exec setpriv --reuid="$id" --regid="$id" --clear-groups env -i PATH=/usr/bin:/bin \
            HOME="$home" LANG=C.UTF-8 "$@"' - "$HOME_OF_USER" $NOBODY "$@"
}

exports() {
    nm -D --defined-only "$1" | awk '{ print $3 }'
}

expect_no_line() {
    if grep -F -- "$1" <<<"$2"; then complain "there must be no $1"; fi
}

expect_no_path_of_ours() {
    local found
    found=$(grep -rlF -e "$SOURCE" -e "$BUILD" "$@")
    [ -z "$found" ] || complain "the source tree is named in $found"
}

# trains PROGRAM NAME: makes data and runs a small study, in a folder NAME.
trains() {
    project "$2"
    chown -R "$(stat -c %u "$HOME_OF_USER")" .
    hidden "$1" -C "$PWD" data synth data/synth --clips 24 --train 12 --val 12 --test 12 \
        --seconds 1 --size 40x32 >log 2>&1 || complain "$1 makes no data: $(tail -n3 log)"
    output=$(hidden "$1" -C "$PWD" run experiments/study.lua 2>&1)
    status=$?
    expect_status 0; expect_text '3 done'
}
