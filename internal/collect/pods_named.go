package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Name is an object as the user names it: "deploy" and "web", or "" and "web" for a pod.
type Name struct{ Resource, Name string }

func (n Name) String() string { return n.Resource + "/" + n.Name }

// pods is what a name without a type is about.
const pods = "pods"

// ParseNames understands what kubectl does: TYPE/NAME, several of them, TYPE NAME NAME; and NAME
// alone, which is a pod. Where the first of several words is a type, it is taken for one.
func ParseNames(args []string) ([]Name, error) {
	if len(args) > 1 && !slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "/") }) && builtin(args[0]) {
		return parseEach(args[0], args[1:])
	}
	return parseEach(pods, args)
}

func parseEach(standard string, args []string) ([]Name, error) {
	var out []Name
	for _, arg := range args {
		n := Name{standard, arg}
		if kind, name, typed := strings.Cut(arg, "/"); typed {
			n = Name{kind, name}
		}
		if n.Resource == "" || n.Name == "" || strings.Contains(n.Name, "/") {
			return nil, fmt.Errorf("%q is neither NAME nor TYPE/NAME", arg)
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// kind is the kind that a name is of, as far as it is built in.
func (n Name) kind() (group, kind, plural string) {
	if b := builtinNamed(n.Resource); b != nil {
		return b.group, b.kind, b.plural
	}
	return "", n.Resource, n.Resource
}

// Kind is the kind that a name is of: "Deployment" for deploy. Of a type that is not built in it is
// what was typed.
func (n Name) Kind() string {
	_, kind, _ := n.kind()
	return kind
}

// OutsideNamespaces reports whether a name is of what is in no namespace: a node, a namespace.
func (n Name) OutsideNamespaces() bool {
	b := builtinNamed(n.Resource)
	return b != nil && b.role == outside
}

// isPod reports whether a name is one of a pod.
func (n Name) isPod() bool {
	return n.Kind() == "Pod"
}

// right is what reading the object needs.
func (n Name) right() Rule {
	group, _, plural := n.kind()
	out := Rule{PolicyRule: rule("get", group, plural), Kind: facts.Kind(plural)}
	if !slices.Contains(facts.Kinds(), out.Kind) {
		out.Kind = facts.CustomWorkloads
	}
	return out
}

// rightTo is the right to read a named object, which was refused. Of a type that is not built in, the API server's
// answer has the resource: what was typed may be a short name.
func (r *PodReader) rightTo(n Name, refused error) Rule {
	right := n.right()
	b := builtinNamed(n.Resource)
	var status apierrors.APIStatus
	if b == nil && errors.As(refused, &status) && status.Status().Details != nil {
		if d := status.Status().Details; d.Kind != "" {
			right.PolicyRule = rule("get", d.Group, d.Kind)
		}
	}
	if b != nil && b.role == outside {
		return right
	}
	return right.In(r.query.Namespace)
}

// named gets one object the way kubectl does.
func (c *collector) named(ctx context.Context, namespace string, n Name) (*unstructured.Unstructured, error) {
	infos, err := UntilDone(ctx, func() ([]*resource.Info, error) {
		return resource.NewBuilder(&getter{c, ctx}).Unstructured().
			NamespaceParam(namespace).DefaultNamespace().ResourceNames(pods, n.String()).Do().Infos()
	}, func([]*resource.Info) {})
	if err != nil {
		return nil, err
	}
	if len(infos) != 1 {
		return nil, fmt.Errorf("%s names %d objects", n, len(infos))
	}
	got, ok := infos[0].Object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("%s came as a %T", n, infos[0].Object)
	}
	return got, nil
}

// getter gives cli-runtime's resource builder the guarded connection, and a mapper that knows the
// built-in types by heart: discovery costs many requests, and is made for other types only.
type getter struct {
	c   *collector
	ctx context.Context //nolint:containedctx // the builder has no place for one
}

func (g *getter) ToRESTConfig() (*rest.Config, error) {
	cfg := rest.CopyConfig(g.c.config)
	cfg.Timeout = 4 * g.c.opts.RequestTimeout
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return withContext{g.ctx, next} })
	return cfg, nil
}

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	cfg, err := g.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return memory.NewMemCacheClient(client), nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) {
	client, err := g.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	return meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{
		builtinMapper(),
		restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(client), client, nil),
	}}, nil
}

// withContext ends requests when ctx does.
type withContext struct {
	ctx  context.Context //nolint:containedctx // see getter
	next http.RoundTripper
}

func (w withContext) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	// The body is read after this: only the end of the run ends the request early.
	context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if to := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && to != "" { // the builder's client would follow it
		resp.Body.Close()
		return nil, fmt.Errorf("%w: it redirects to %s (%d), which is not followed", errNotKubernetes, facts.RedactURL(to), resp.StatusCode)
	}
	return resp, nil
}
