package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var listCRDs = Rule{
	PolicyRule: rule("list", "apiextensions.k8s.io", "customresourcedefinitions"),
	Kind:       facts.CRDs, Why: "find schemas that prune restartPolicy of init containers",
}

// crdPage is how many CRDs are asked for at once: each may have a schema of a megabyte.
const crdPage = 50

// crd is what is read of a CustomResourceDefinition.
type crd struct {
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind   string `json:"kind"`
			Plural string `json:"plural"`
		} `json:"names"`
		Scope      string `json:"scope"`
		Conversion struct {
			Strategy string `json:"strategy"`
		} `json:"conversion"`
		// PreserveUnknownFields survives in CRDs from v1beta1 days: nothing is pruned then.
		PreserveUnknownFields bool `json:"preserveUnknownFields"`
		Versions              []struct {
			Name    string `json:"name"`
			Served  bool   `json:"served"`
			Storage bool   `json:"storage"`
			Schema  struct {
				OpenAPIV3Schema crdSchema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
	Status struct {
		StoredVersions []string `json:"storedVersions"`
	} `json:"status"`
}

// crdSchema is what is read of a structural schema.
type crdSchema struct {
	Properties map[string]*crdSchema `json:"properties"`
	Items      *crdSchema            `json:"items"`
	// AdditionalProperties is a schema, or true.
	AdditionalProperties json.RawMessage `json:"additionalProperties"`
	Preserve             bool            `json:"x-kubernetes-preserve-unknown-fields"`
}

// crds reads all CustomResourceDefinitions, page by page, and keeps where they embed init containers.
func (c *collector) crds(ctx context.Context) {
	defer close(c.crdsRead)
	if c.forbidden(ctx, listCRDs, whole) {
		return
	}
	var (
		found []facts.CRD
		kinds []customKind
	)
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		req := c.client.Discovery().RESTClient().Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
			SetHeader("Accept", "application/json").Param("limit", fmt.Sprint(crdPage))
		if opts.Continue != "" {
			req.Param("continue", opts.Continue)
		}
		raw, err := req.DoRaw(ctx)
		if err != nil {
			return nil, err
		}
		var page struct {
			metav1.ListMeta `json:"metadata"`
			Items           []crd `json:"items"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read the list of CRDs: %w", err)
		}
		for i := range page.Items {
			found = append(found, reduceCRD(&page.Items[i]))
			if kind, ok := customKindOf(&page.Items[i], &found[len(found)-1]); ok {
				kinds = append(kinds, kind)
			}
		}
		return &page.ListMeta, nil
	}, func() { found, kinds = nil, nil })
	c.mu.Lock()
	c.snapshot.CustomResourceDefinitions, c.customKinds = found, kinds
	c.mu.Unlock()
	if err != nil {
		c.failed(ctx, listCRDs, whole, err)
	}
}

func reduceCRD(d *crd) facts.CRD {
	out := facts.CRD{
		Name: d.Metadata.Name, Group: d.Spec.Group, Kind: d.Spec.Names.Kind, Ignore: facts.IgnoreOf(d.Metadata.Annotations),
	}
	var used []string // versions in which objects are read, written or stored
	for _, v := range d.Spec.Versions {
		if v.Served || v.Storage || slices.Contains(d.Status.StoredVersions, v.Name) {
			used = append(used, v.Name)
		}
		version := facts.CRDVersion{Name: v.Name, Served: v.Served, Storage: v.Storage}
		v.Schema.OpenAPIV3Schema.walk("", &version)
		if d.Spec.PreserveUnknownFields {
			version.Keeps, version.Prunes = append(version.Keeps, version.Prunes...), nil
		}
		if len(version.Keeps)+len(version.Prunes) > 0 {
			out.Versions = append(out.Versions, version)
		}
	}
	out.Converts = len(used) > 1 && d.Spec.Conversion.Strategy == "Webhook"
	return out
}

// walk visits every property and notes lists of init containers, whatever comes before or after "init" in their
// names. A list is one of containers when its items have an image, or may have anything. What preserves unknown fields
// does so for its own level only.
func (s *crdSchema) walk(path string, v *facts.CRDVersion) {
	if s == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child, at := s.Properties[name], name
		if path != "" {
			at = path + "." + name
		}
		if initList(name) && child.ofContainers(name == "initContainers") {
			if child.Items.Properties["restartPolicy"] != nil || child.Items.Preserve {
				v.Keeps = append(v.Keeps, at)
			} else {
				v.Prunes = append(v.Prunes, at)
			}
			continue
		}
		child.walk(at, v)
	}
	s.Items.walk(path+"[]", v)
	s.more().walk(path+".*", v)
}

// more is the schema of keys that the schema does not name; nil when there is none.
func (s *crdSchema) more() *crdSchema {
	var out crdSchema
	if len(s.AdditionalProperties) == 0 || json.Unmarshal(s.AdditionalProperties, &out) != nil {
		return nil
	}
	return &out
}

// ofContainers reports whether the schema is that of a list of containers: by the image of its items alone where the
// list is named as in pods, else by what only containers have. The statuses of containers have images, too.
func (s *crdSchema) ofContainers(named bool) bool {
	if s == nil || s.Items == nil {
		return false
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return s.Items.Properties[name] != nil })
	}
	if s.Items.Properties == nil {
		return named && s.Items.Preserve
	}
	return has("image") && (named || has("command", "args", "env", "volumeMounts")) && !has("imageID", "restartCount")
}
