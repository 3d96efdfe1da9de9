package webhook

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Behaviors that concern what others have added, or the way of asking:
//
//	/strip-injected   removes the field from the sidecar that /inject adds, and from no other
//	/remove-injected  removes that sidecar
//	/inject-other     adds another sidecar, named other
//	/label            adds the label mesh=on
//
// In front of a behavior, wet- acts only where it is not a dry run, slow- takes nine seconds, and bare- answers
// without kind, apiVersion and uid, as some webhooks of v1beta1 do.
var oddPatches = map[string]func(object []byte) ([]operation, error){
	"strip-injected":  onPod(stripInjected),
	"remove-injected": onPod(removeInjected),
	"inject-other":    onPod(injectOther),
	"label":           onPod(label),
}

const injectedName, otherName = "injected", "other"

func stripInjected(p pod) []operation {
	i := slices.IndexFunc(p.Spec.InitContainers, func(c container) bool { return c.Name == injectedName && c.sidecar() })
	if i < 0 {
		return nil
	}
	return []operation{{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", i)}}
}

func removeInjected(p pod) []operation {
	i := slices.IndexFunc(p.Spec.InitContainers, func(c container) bool { return c.Name == injectedName })
	if i < 0 {
		return nil
	}
	return []operation{{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d", i)}}
}

func injectOther(p pod) []operation {
	if len(p.Spec.Containers) == 0 || len(p.Spec.InitContainers) == 0 || slices.ContainsFunc(p.Spec.InitContainers, func(c container) bool { return c.Name == otherName }) {
		return nil
	}
	sidecar := map[string]string{"name": otherName, "image": p.Spec.Containers[0].Image, "restartPolicy": "Always"}
	return []operation{{Op: "add", Path: "/spec/initContainers/0", Value: sidecar}}
}

// label takes a pod that has labels, as canaries do.
func label(pod) []operation {
	return []operation{{Op: "add", Path: "/metadata/labels/mesh", Value: "on"}}
}

// A manner is how a behavior is shown.
type manner struct{ bare bool }

// mannered takes what is in front of a behavior off it.
func mannered(behavior string, dryRun bool) (string, manner) {
	var m manner
	for {
		switch rest := ""; {
		case cut(behavior, "wet-", &rest):
			behavior = rest
			if dryRun {
				behavior = "allow"
			}
		case cut(behavior, "slow-", &rest):
			behavior = rest
			time.Sleep(9 * time.Second)
		case cut(behavior, "bare-", &rest):
			behavior, m.bare = rest, true
		default:
			return behavior, m
		}
	}
}

func cut(s, prefix string, rest *string) (found bool) {
	*rest, found = strings.CutPrefix(s, prefix)
	return found
}
