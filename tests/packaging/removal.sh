# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# What is left when the package goes: nothing, but what an absent person had switched on.

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

# ---- Three people have the card in Chromium. The agent of the first one runs, the second
# one does as the guide says, and the third one is absent and does nothing.
people=([1001]='agent' [1002]='guide' [1003]='absent')
as_user() { # number, command of the shell
  chroot --userspec="$1:$1" "$system" env -i HOME="/home/$1" PATH=/usr/bin:/bin \
    LC_ALL=C.UTF-8 XDG_RUNTIME_DIR="/run/user/$1" sh -c "cd && $2" 2>"$log" ||
    fail "${people[$1]}: $2: $(<"$log")"
}
# NSS writes its list anew: what matters is which modules it has.
home_of() { # number
  as_user "$1" 'find . | sort; grep -h "^name=" .pki/nssdb/pkcs11.txt | sort'
}
knows_card() { as_user "$1" 'cat .pki/nssdb/pkcs11.txt' | grep -q '^name=Kortilla$'; }
install "$name"
for number in "${!people[@]}"; do
  command install -d -o "$number" -g "$number" -m 700 "$system/home/$number" \
    "$system/run/user/$number"
  as_user "$number" 'mkdir -p .pki/nssdb .config/chromium .local/share .local/state .cache &&
    certutil -d sql:.pki/nssdb -N --empty-password &&
    modutil -dbdir sql:.pki/nssdb -list >/dev/null'
  home_of "$number" >"$work/home-$number"
  as_user "$number" 'kortilla pkcs11 enable --browser chromium --yes' >/dev/null
  knows_card "$number" || fail "Chromium of ${people[$number]} does not know the card"
done
as_user 1001 'kortilla agent >/dev/null 2>&1 &'
until_true agents
as_user 1002 'kortilla uninstall' >/dev/null
purge
until_true no_agents
as_before 'apt purge with several people'
for number in 1001 1002; do
  home_of "$number" | diff "$work/home-$number" - >&2 ||
    fail "something is left for ${people[$number]}"
done
knows_card 1003 || fail 'root has changed the files of a person who is absent'
home_of 1003 | diff "$work/home-1003" - >"$work/left" || true
# It does no harm: the entry is of p11-kit, which has no such module any more.
as_user 1003 'certutil -d sql:.pki/nssdb -L -h all' >/dev/null
install "$name"
as_user 1003 'kortilla uninstall' >/dev/null
home_of 1003 | diff "$work/home-1003" - >&2 || fail 'kortilla uninstall leaves something'
purge
say "apt purge with several people: nothing is left for one with an agent, and for one
who typed kortilla uninstall. For one who was absent and did not:"
grep '^>' "$work/left"
for number in "${!people[@]}"; do
  rm -r "$system/home/$number" "$system/run/user/$number"
done
