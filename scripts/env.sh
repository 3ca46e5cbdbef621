# shellcheck shell=bash
# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by the scripts beside it: where things are, and an environment in which nothing of the user's can matter.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
python=$("$root/scripts/find-python")
prepare() { "$python" "$root/scripts/prepare.py" "$@"; }
build=$(prepare build-dir)
PATH=$(prepare path)
clean_path=$PATH

# No configuration, credentials or running environment of the user's reaches a test, and no test reaches AWS.
while IFS= read -r name; do
    case $name in
        ANSIBLE_* | AWS_* | MOLECULE_* | PYTHON[A-Z]* | PYTEST_* | VIRTUAL_ENV) unset "$name" ;;
    esac
done < <(compgen -e)
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export LC_ALL=C.UTF-8

# use_venv NAME: prepare an environment and put its commands first.
use_venv() {
    venv=$(prepare venv "$1")
    PATH=$venv/bin:$clean_path
}

# enter_tree: prepare the tree of collections and go to this collection's place in it.
enter_tree() {
    collection=$(prepare tree)
    tree=$build/tree
    cd -- "$collection" || exit
    HOME=$(prepare home)
    export HOME ANSIBLE_HOME=$HOME/.ansible ANSIBLE_ASYNC_DIR=$HOME/.ansible_async
    export ANSIBLE_COLLECTIONS_PATH=$tree
}
