package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
)

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// pod is what the patches look at.
type pod struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		ServiceAccountName string `json:"serviceAccountName"`
		SecurityContext    struct {
			AppArmorProfile json.RawMessage `json:"appArmorProfile"`
		} `json:"securityContext"`
		InitContainers []container `json:"initContainers"`
		Containers     []container `json:"containers"`
	} `json:"spec"`
}

type container struct {
	Name          string  `json:"name"`
	Image         string  `json:"image"`
	RestartPolicy *string `json:"restartPolicy"`
}

func (c container) sidecar() bool { return c.RestartPolicy != nil && *c.RestartPolicy == "Always" }

var patches = map[string]func(object []byte) ([]operation, error){
	"annotate":  onPod(annotate),
	"remove":    onPod(remove),
	"strip":     onPod(strip),
	"app-armor": onPod(appArmor),
	"move":      onPod(move),
	"promote":   onPod(promote),
	"inject":    onPod(inject),
	"bad-patch": onPod(func(pod) []operation { return []operation{{Op: "remove", Path: "/spec/not/there"}} }),
}

// onPod patches a pod, or the pod template of an object of another kind.
func onPod(patch func(pod) []operation) func([]byte) ([]operation, error) {
	return func(object []byte) ([]operation, error) {
		var p pod
		template, base := podIn(object)
		if err := json.Unmarshal(template, &p); err != nil {
			return nil, fmt.Errorf("decode the pod: %w", err)
		}
		operations := patch(p)
		for i := range operations {
			operations[i].Path = base + operations[i].Path
		}
		if operations != nil {
			return operations, nil
		}
		return []operation{}, nil
	}
}

// podIn is the pod template of an object, with the path to it; the object itself when it has none.
func podIn(object []byte) (template []byte, path string) {
	var has struct {
		Template json.RawMessage `json:"template"`
		Spec     struct {
			Template    json.RawMessage `json:"template"`
			JobTemplate struct {
				Spec struct {
					Template json.RawMessage `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	if json.Unmarshal(object, &has) != nil {
		return object, ""
	}
	switch {
	case has.Template != nil:
		return has.Template, "/template"
	case has.Spec.Template != nil:
		return has.Spec.Template, "/spec/template"
	case has.Spec.JobTemplate.Spec.Template != nil:
		return has.Spec.JobTemplate.Spec.Template, "/spec/jobTemplate/spec/template"
	}
	return object, ""
}

func serviceAccount(object []byte) string {
	var p pod
	_ = json.Unmarshal(object, &p) // what is no pod has no service account
	return p.Spec.ServiceAccountName
}

func annotate(p pod) []operation {
	if p.Metadata.Annotations == nil {
		return []operation{{Op: "add", Path: "/metadata/annotations", Value: map[string]string{"kubectl-sidecar.dev/seen-by": "annotate"}}}
	}
	return []operation{{Op: "add", Path: "/metadata/annotations/kubectl-sidecar.dev~1seen-by", Value: "annotate"}}
}

// remove goes from the last to the first, so that the places stay right.
func remove(p pod) []operation {
	var operations []operation
	for i, c := range slices.Backward(p.Spec.InitContainers) {
		if c.sidecar() {
			operations = append(operations, operation{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d", i)})
		}
	}
	return operations
}

func strip(p pod) []operation {
	var operations []operation
	for i, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil {
			operations = append(operations, operation{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", i)})
		}
	}
	return operations
}

// appArmor removes a field that is newer than restartPolicy, as a rebuilt webhook does.
func appArmor(p pod) []operation {
	if len(p.Spec.SecurityContext.AppArmorProfile) == 0 {
		return nil
	}
	return []operation{{Op: "remove", Path: "/spec/securityContext/appArmorProfile"}}
}

func move(p pod) []operation {
	from := slices.IndexFunc(p.Spec.InitContainers, container.sidecar)
	to := slices.IndexFunc(p.Spec.InitContainers, func(c container) bool { return !c.sidecar() })
	if from < 0 || to < 0 {
		return nil
	}
	return []operation{
		{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", from)},
		{Op: "add", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", to), Value: "Always"},
	}
}

// promote makes a sidecar of the first init container that is none.
func promote(p pod) []operation {
	i := slices.IndexFunc(p.Spec.InitContainers, func(c container) bool { return !c.sidecar() })
	if i < 0 {
		return nil
	}
	return []operation{{Op: "add", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", i), Value: "Always"}}
}

// inject adds a sidecar that does nothing, with the image that the pod has.
func inject(p pod) []operation {
	if len(p.Spec.Containers) == 0 || slices.ContainsFunc(p.Spec.InitContainers, func(c container) bool { return c.Name == "injected" }) {
		return nil
	}
	sidecar := map[string]string{"name": "injected", "image": p.Spec.Containers[0].Image, "restartPolicy": "Always"}
	if len(p.Spec.InitContainers) == 0 {
		return []operation{{Op: "add", Path: "/spec/initContainers", Value: []any{sidecar}}}
	}
	return []operation{{Op: "add", Path: "/spec/initContainers/0", Value: sidecar}}
}
