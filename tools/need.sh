#!/bin/sh
# tools/need.sh chromium|npm: is it here? If not, and this is Debian or Ubuntu run by root, install it.
case "$1" in
  chromium) commands="chromium chromium-browser google-chrome" packages="chromium" ;;
  npm) commands="npm" packages="nodejs npm" ;;
  *) echo "usage: tools/need.sh chromium|npm" >&2; exit 2 ;;
esac
for name in $commands; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086 (several words are several packages)
  apt-get update -qq && exec apt-get install -y -qq $packages >/dev/null
fi
echo "This needs $1. On Debian or Ubuntu: sudo apt-get install $packages" >&2
exit 1
