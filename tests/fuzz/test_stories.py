# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random keys, random tasks, random trouble: the rules of fuzz_rules hold for all of them."""

from __future__ import annotations

import fuzz_rules
from fuzz_tasks import Trouble
from fuzz_tasks import tasks
from fuzz_tasks import troubles
from fuzz_world import blueprints
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

CALM = Trouble()


def no_rule_is_broken(virtual, number, replicas, trouble):
    @settings(max_examples=number)
    @given(st.data())
    def tried(data):
        blueprint = data.draw(blueprints(replicas), label="key")
        task = data.draw(tasks(blueprint), label="task")
        met = data.draw(trouble, label="trouble")
        story = fuzz_rules.told(virtual, blueprint, task, met)
        sentences = fuzz_rules.broken(story)
        assert not sentences, "\n".join(sentences)

    tried()


def test_one_region(virtual, examples):
    no_rule_is_broken(virtual, examples(60), replicas=False, trouble=st.just(CALM))


def test_one_region_in_trouble(virtual, examples):
    no_rule_is_broken(virtual, examples(40), replicas=False, trouble=troubles())


def test_several_regions(virtual, examples):
    no_rule_is_broken(virtual, examples(30), replicas=True, trouble=st.just(CALM))


def test_several_regions_in_trouble(virtual, examples):
    no_rule_is_broken(virtual, examples(20), replicas=True, trouble=troubles())
