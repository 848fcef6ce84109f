# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Two builds are the same, and lintian finds nothing to warn of but one thing:
# the metadata names no homepage, since there is none that the public can reach.

for each in one two; do
  TMPDIR=$work quietly packaging/debian/build "$work/$each"
done
package=$(echo "$work"/one/*.deb)
cmp "$package" "$work/two/${package##*/}" || fail 'two builds of the package differ'
say "Two builds: $(sha256sum "$package" | cut -d' ' -f1), $(stat -c %s "$package") bytes"
if ! TMPDIR=$work lintian --allow-root --fail-on error,warning \
  --suppress-tags appstream-metadata-validation-failed "$package" >"$log" 2>/dev/null; then
  cat "$log" >&2
  fail 'lintian finds errors or warnings'
fi
say 'lintian: no error and no warning'
version=$(dpkg-deb --field "$package" Version)
