package collect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
)

// customResources are the custom resources that may be created and updated with dryRun=All: those whose definition the cluster
// has, and which have pod templates. The zero value and nil are none.
type customResources struct {
	mu    sync.Mutex
	paths []string // /apis/GROUP/VERSION/RESOURCE
}

func (r *customResources) allow(group, version, resource string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, fmt.Sprintf("/apis/%s/%s/%s", group, version, resource))
}

// inNamespace is the collection of a resource in one namespace.
var inNamespace = regexp.MustCompile(`^(/apis/[^/]+\.[^/]+/[^/]+)/namespaces/[^/]+/([^/]+)$`)

func (r *customResources) has(path string) bool {
	m := inNamespace.FindStringSubmatch(path)
	if r == nil || m == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.paths, m[1]+"/"+m[2])
}

// oneObject is an object of a collection.
var oneObject = regexp.MustCompile(`^(.+)/[^/]+$`)

// patchable reports whether a path is that of a pod or of a workload, which may be patched with dryRun=All.
func (g *guard) patchable(path string) bool {
	m := oneObject.FindStringSubmatch(path)
	return m != nil && (dryRunnable.MatchString(m[1]) || g.customs.has(m[1]))
}

// mergePatch is the one kind of patch that is sent: its body says all that it does.
const mergePatch = "application/merge-patch+json"

// maxPatch bounds the body of a patch that the guard has to read.
const maxPatch = 1 << 10

// checkPatch allows one label of one pod or workload to be set with dryRun=All.
func (g *guard) checkPatch(req *http.Request, path string, query url.Values, refuse func(string) error) (*http.Request, error) {
	if !g.patchable(path) {
		return req, refuse("only pods and workloads are patched")
	}
	if d := query["dryRun"]; len(d) != 1 || d[0] != "All" {
		return req, refuse("a patch needs dryRun=All")
	}
	if req.Header.Get("Content-Type") != mergePatch || req.Body == nil {
		return req, refuse("only merge patches are sent")
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxPatch+1))
	req.Body.Close()
	if err != nil {
		return req, fmt.Errorf("read the patch: %w", err)
	}
	if len(body) > maxPatch || !setsOneLabel(body) {
		return req, refuse("a patch sets one label, and nothing else")
	}
	// A RoundTripper must not change the request that it was given.
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return out, nil
}

func setsOneLabel(body []byte) bool {
	var patch struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(&patch) == nil && !dec.More() && len(patch.Metadata.Labels) == 1
}
