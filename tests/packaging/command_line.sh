# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# The package as an ordinary user has it: all commands, without a browser.

install "$name"
[[ $(as_person 'kortilla --version') == "$version" ]] || fail 'kortilla --version'
say "kortilla --version: $version"

works 'after the installation'
say "The host's first message: version $version"

said=$(as_person 'kortilla install' | head -n 1)
[[ $said == *'already installed for everyone'* ]] || fail "kortilla install: $said"
[[ -z $(as_person 'find . -name "*kortilla*"') ]] || fail 'install wrote a second set'
say "kortilla install: $said"

as_person 'kortilla pkcs11 status --json' >"$work/status"
grep -q '"path": "/usr/share/p11-kit/modules/kortilla.module", "state": "ours"' \
  "$work/status" || fail 'the module file for everyone is not known'
grep -q '"path": "/usr/lib/mozilla/pkcs11-modules/kortilla.json", "state": "ours"' \
  "$work/status" || fail "Firefox's manifest for everyone is not known"
say 'kortilla pkcs11 status: knows the files for everyone'

as_person "kortilla mock-card new && kortilla identify --origin https://service.example \
  --nonce $(printf 'A%.0s' {1..44}) --card mock --prompt automatic" >"$work/token"
grep -q '"format": "web-eid:1' "$work/token" || fail 'kortilla identify'
say 'kortilla identify --card mock --prompt automatic: a token'

as_person 'echo hei >kirje.txt && kortilla encrypt kirje.txt --own-card --card mock &&
  rm kirje.txt && kortilla decrypt kirje.txt.p7m --card mock --prompt automatic' \
  >"$work/said"
[[ $(as_person 'cat kirje.txt && stat -c %a kirje.txt') == $'hei\n600' ]] ||
  fail "kortilla encrypt and decrypt: $(cat "$work/said")"
as_person 'rm kirje.txt kirje.txt.p7m'
say 'kortilla encrypt and decrypt: the same file, mode 600'

python=/usr/lib/kortilla/bin/python3
as_person "QT_QPA_PLATFORM=offscreen $python -I -c \
  'import native_host.pin_prompt.gui.prompt_window'"
modules=$(cd "$system$packages" &&
  find native_host kortilla -name '*.py' ! -name __main__.py ! -name pytest_plugin.py |
  sed 's#/__init__\.py$##; s#\.py$##; s#/#.#g' | sort)
as_person "$python -I -c 'import importlib, sys
for name in sys.argv[1:]: importlib.import_module(name)' $(echo $modules)"
say "Every module can be imported: $(wc -w <<<"$modules")"

# Nobody has started pcscd, and there is no reader.
as_person 'mkdir -p .config/chromium .mozilla/firefox'
[[ " $(findings) " == *' PCSCD_STOPPED '* ]] || fail "doctor says: $(findings)"
said=$(as_person_may 'kortilla card status --card pcsc' || cat "$log")
[[ $said == *pcscd* && $said != *Traceback* ]] || fail "card status says: $said"
[[ $(findings) != *MANIFEST* ]] || fail "doctor says: $(findings)"
say "Without pcscd: doctor says PCSCD_STOPPED"
purge
