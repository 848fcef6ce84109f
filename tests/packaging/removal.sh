# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# What is left when the package goes: nothing.

agents() { grep -qszx '[a]gent' /proc/[0-9]*/cmdline; }
no_agents() { ! agents; }

install "$name"
as_person 'kortilla agent >/dev/null 2>&1 &'
until_true agent_runs
agents || fail 'the agent is not found'
quietly in_system apt-get remove --yes kortilla
as_before 'apt remove'
[[ -z $(in_system dpkg-query --show kortilla 2>/dev/null) ]] ||
  fail 'dpkg has something left to purge'
until_true no_agents
say 'apt remove: nothing is left, nothing to purge, and the agent that ran has ended'
install "$name"
purge
as_before 'apt purge'
say 'apt purge: nothing is left'
