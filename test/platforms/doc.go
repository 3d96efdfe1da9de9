// Package platforms runs what other packages only build: the plugin for Windows under wine, and that for arm64 under
// qemu. `make platforms` runs it, with the build tag platforms, because both are a gigabyte that few want to install.
package platforms
