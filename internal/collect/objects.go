package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Objects reads objects by their names, and has the API server admit others, which it does not store.
type Objects struct {
	c         *collector
	namespace string
}

// NewObjects reads and admits in a namespace.
func NewObjects(o Options, namespace string) (*Objects, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, err
	}
	return &Objects{c, namespace}, nil
}

// Ledger lists what was sent.
func (o *Objects) Ledger() *Ledger { return o.c.ledger }

// Get reads one object.
func (o *Objects) Get(ctx context.Context, n Name) (map[string]any, error) {
	ctx, cancel := o.c.opts.bounded(ctx)
	defer cancel()
	object, err := o.c.named(ctx, o.namespace, n)
	if err != nil {
		return nil, o.explained(n.String(), err)
	}
	return object.Object, o.c.broken.get()
}

func (o *Objects) explained(what string, err error) error {
	var network *url.Error
	if a, ok := answered(err); ok && a.Code == http.StatusUnauthorized || errors.As(err, &network) {
		return o.c.unreachable(err)
	}
	return fmt.Errorf("%s in namespace %s: %w", what, o.namespace, err)
}

// ErrNotAdmittable is an object of a kind that is not sent: only those that are built in, and have pod templates.
var ErrNotAdmittable = errors.New("only built-in kinds are sent to the API server")

// Admit has the API server admit a copy of an object with dryRun=All: through all its webhooks, and without storing
// it. It returns what would have been stored.
func (o *Objects) Admit(ctx context.Context, object map[string]any) (map[string]any, error) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	resource := ""
	for _, k := range facts.TemplateKinds {
		if k.Kind == kind && (k.Group == "" && apiVersion == k.Version || apiVersion == k.Group+"/"+k.Version) {
			resource = k.Resource
		}
	}
	if kind == "Pod" && apiVersion == "v1" {
		resource = "pods"
	}
	if resource == "" {
		return nil, ErrNotAdmittable
	}
	object, err := decodedAgain(object)
	if err != nil {
		return nil, err
	}
	out := copyWorkload(object)
	meta, _ := out["metadata"].(map[string]any)
	namespace, _ := meta["namespace"].(string)
	if namespace == "" {
		namespace = o.namespace
		meta["namespace"] = namespace
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	ctx, cancel := o.c.opts.bounded(ctx)
	defer cancel()
	ctx, done := o.c.reading(ctx)
	defer done()
	raw, err := o.c.client.Discovery().RESTClient().Post().AbsPath(resourcePath(apiVersion, namespace, resource)).
		SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").
		Param("dryRun", "All").Body(body).DoRaw(ctx)
	if broken := o.c.broken.get(); broken != nil {
		return nil, broken
	}
	if err != nil {
		var status apierrors.APIStatus
		if json.Unmarshal(raw, &struct{}{}) == nil && errors.As(err, &status) {
			return nil, fmt.Errorf("%s", oneLine(status.Status().Message))
		}
		return nil, o.explained(kind, err)
	}
	var returned map[string]any
	err = json.Unmarshal(raw, &returned)
	return returned, err
}

// decodedAgain has its numbers as what copies objects knows them.
func decodedAgain(object map[string]any) (out map[string]any, err error) {
	text, err := json.Marshal(object)
	if err == nil {
		err = utiljson.Unmarshal(text, &out)
	}
	return out, err
}
