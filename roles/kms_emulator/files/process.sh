#!/bin/sh
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the PID file of an emulator says, and the end of the process that it names.
#
#   process.sh look PID_FILE            prints "runs URL", or "left PID_FILE" if the emulator of that file is gone, or nothing
#   process.sh stop PID_FILE SECONDS    ends it, waits so long for that, and removes the file; prints what it found
#
# A process is the emulator's if its ID stands in the PID file, if it started when the file says (a later process may
# have the same ID), and if its command line says kms_emulator. No other process gets a signal. A file that is not a PID
# file of the emulator, or not one of this user, is an error, and stays as it is: exit status 1 and a sentence.

set -u

fail() {
    echo "$*" >&2
    exit 1
}

# The owner of a file, by number.
owner() (
    listed=$(ls -ldn "$1") || exit
    # shellcheck disable=SC2086 # the fields of ls
    set -- $listed
    echo "$3"
)

# The lines of the PID file as pid, since and url; all empty if there is none or nothing is in it yet.
read_file() {
    pid='' since='' url=''
    [ -e "$file" ] || [ -L "$file" ] || return 0
    if [ -L "$file" ] || [ ! -f "$file" ] || [ "$(owner "$file")" != "$(id -u)" ]; then
        fail "$file is not a regular file of this user: it says nothing about a process. Remove it, or name another PID file."
    fi
    [ -s "$file" ] || return 0
    { read -r pid && read -r since && read -r url; } <"$file" || pid=''
    case $pid:$url in
    [1-9]*:http://127.0.0.1:[1-9]*) ;;
    *) pid='' ;;
    esac
    case $pid in
    '' | *[!0-9]*)
        fail "$file is not a PID file of the emulator. Remove it, or name another one, and end the emulator yourself if it runs."
        ;;
    esac
}

# When a process started, in the words of files.py.
started() (
    if [ -r /proc/sys/kernel/random/boot_id ]; then
        read -r boot </proc/sys/kernel/random/boot_id
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || exit
        # Behind the name, which may hold anything, the first field is the third one.
        # shellcheck disable=SC2086 # the fields of stat
        set -- ${stat##*)}
        shift 19
        echo "$boot $1"
    else
        # shellcheck disable=SC2046 # the words of ps, with one blank between them
        set -- $(LC_ALL=C TZ=UTC ps -o lstart= -p "$1")
        echo "$*"
    fi
)

# The command line of a process, one word a line.
words() {
    if [ -r "/proc/$1/cmdline" ]; then
        tr '\0' '\n' <"/proc/$1/cmdline"
    else
        ps -ww -o args= -p "$1" | tr ' ' '\n'
    fi
} 2>/dev/null

# Whether the process that the PID file names is the one that wrote it.
runs() {
    [ -n "$pid" ] && [ -n "$since" ] && [ "$(started "$pid")" = "$since" ] && words "$pid" | grep -Eqx '(.*/)?kms_emulator(/__main__\.py)?'
}

look() {
    read_file
    if runs; then
        echo "runs $url"
    elif [ -e "$file" ]; then
        echo "left $file"
    fi
}

stop() {
    look
    if runs; then
        kill "$pid" || fail "Process $pid, the emulator on $url, got no signal."
        wait_until_gone "$1"
    fi
    remove_file
}

wait_until_gone() {
    deadline=$(($(date +%s) + $1))
    while runs; do
        [ "$(date +%s)" -lt "$deadline" ] || fail "Process $pid, the emulator on $url, did not end within $1 s."
        sleep 0.1 2>/dev/null || sleep 1
    done
}

# What an emulator that was killed left behind. Another one may have put its own file there in the meantime.
remove_file() {
    last=$pid:$since
    read_file
    if [ "$pid:$since" = "$last" ]; then rm -f "$file"; fi
}

file=$2
# Quoted, the shell does not do it.
# shellcheck disable=SC2088
case $file in "~/"*) file=$HOME/${file#"~/"} ;; esac
case $1 in
look) look ;;
stop) stop "$3" ;;
*) fail "process.sh knows no $1" ;;
esac
