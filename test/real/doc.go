// Package real tries the plugin on released software, as it is installed: what that does to native sidecars is
// found and named, and nothing else is. `make real` runs it, with the build tag real, so nothing of it counts as tested elsewhere; its modules stand in test/webhooks/real, apart from
// the plugin's own, because they need many others.
package real
