package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// objects is the way to the objects of the cluster.
func (o *convertOptions) objects() (*collect.Objects, error) {
	config, err := o.cluster.config()
	if err != nil {
		return nil, err
	}
	namespace, _, err := o.cluster.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	return collect.NewObjects(collect.Options{
		Config: config, Until: time.Now().Add(o.cluster.timeout), RequestTimeout: o.cluster.requestTimeout,
		QPS: o.cluster.qps, Tool: buildVersion().Version,
	}, namespace)
}

// live prints the patches for objects in the cluster, and who owns them. Nothing is applied.
func (o *convertOptions) live(ctx context.Context) error {
	objects, err := o.objects()
	if err != nil {
		return err
	}
	defer o.showRequests(objects)
	c := &conversion{o: o}
	var owned bytes.Buffer
	for _, n := range o.names {
		object, err := objects.Get(ctx, n)
		if err != nil {
			return whyFailure(err)
		}
		workloads, err := workload.Of(object)
		if err != nil {
			return err
		}
		if len(workloads) == 0 {
			return couldNotRun("name what has pods: deploy/web, cronjob/import", fmt.Errorf("%s has no pod template", n))
		}
		f := &manifest{name: n.String()}
		f.documents = []workload.Document{{Object: object, Workloads: workloads}}
		for _, w := range workloads {
			p := convert.Of(w, o.plan())
			d := done{Plan: p}
			if p.Changes() {
				d.result = &edit.Result{}
			}
			f.done = append(f.done, d)
		}
		sayOwner(&owned, n, object)
		c.files = append(c.files, f)
	}
	if err := c.unknownContainers(); err != nil {
		return err
	}
	if err := c.heed(ctx); err != nil {
		return err
	}
	if o.verify {
		if err := c.admit(ctx, objects); err != nil {
			return err
		}
	}
	return o.printLive(c, owned.Bytes())
}

// printLive prints what was asked for; a diff of an object that is no text is its patch.
func (o *convertOptions) printLive(c *conversion, owned []byte) error {
	var out []byte
	var err error
	switch o.output.value {
	case "kustomize":
		out, err = c.component()
	case "yaml":
		out, err = c.liveTexts()
	default:
		out, err = c.patches()
	}
	if err != nil {
		return err
	}
	if err := writeTo(o.streams.Out, out); err != nil {
		return err
	}
	changed, asked, refused := c.say()
	if changed {
		fmt.Fprint(o.streams.ErrOut, string(owned))
	}
	switch {
	case refused, asked && !changed:
		return exit(exitUnproven)
	case changed:
		return exit(report.ExitFindings)
	}
	return nil
}

// liveTexts are the objects as they would be, without what the API server has put into them.
func (c *conversion) liveTexts() ([]byte, error) {
	var out bytes.Buffer
	for i, p := range c.patched() {
		after, err := edit.Values(p.Object(), objectChange(p.Plan))
		if err != nil {
			return nil, err
		}
		object, _ := after.(map[string]any)
		delete(object, "status")
		if meta, ok := object["metadata"].(map[string]any); ok {
			for _, key := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"} {
				delete(meta, key)
			}
			if annotations, ok := meta["annotations"].(map[string]any); ok {
				delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
				delete(annotations, "deployment.kubernetes.io/revision")
			}
		}
		forgetJob(object)
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// ofController are the labels by which the API server ties pods to the Job that it has created.
var ofController = []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}

// forgetJob takes out of a Job what the API server has put into it: it rejects another one with it.
func forgetJob(object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	if object["kind"] != "Job" || spec == nil || spec["manualSelector"] == true {
		return
	}
	delete(spec, "selector")
	for _, way := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		labels, _ := workload.Descend(object, way).(map[string]any)
		for _, key := range ofController {
			delete(labels, key)
		}
	}
}

func (o *convertOptions) showRequests(objects *collect.Objects) {
	if o.cluster.showRequests {
		printRequests(o.streams.ErrOut, objects.Ledger().Requests())
	}
}

// sayOwner says where an object comes from: that is where to change it.
func sayOwner(out *bytes.Buffer, n collect.Name, object map[string]any) {
	var of struct {
		Meta metav1.ObjectMeta `json:"metadata"`
	}
	text, err := json.Marshal(object)
	if err != nil || json.Unmarshal(text, &of) != nil {
		return
	}
	where := ""
	switch owner := plan.OwnerOf(&of.Meta); {
	case owner != nil:
		where = fmt.Sprintf("%s %s: change it there, else it is undone", owner.Tool, owner.Name)
	case of.Meta.Annotations[facts.LastAppliedAnnotation] != "":
		where = "kubectl apply: change the manifest, too, else the next apply undoes it"
	default:
		return
	}
	fmt.Fprintf(out, "%s\n", print.Escape(fmt.Sprintf("%s comes from %s", n, where)))
}

// verify has the API server admit everything that changes.
func (c *conversion) verify(ctx context.Context) error {
	objects, err := c.o.objects()
	if err != nil {
		return err
	}
	defer c.o.showRequests(objects)
	return c.admit(ctx, objects)
}

// admit sends what changes with dryRun=All: the object, and a pod of its template. What is refused, or comes back
// without the field, is not converted.
func (c *conversion) admit(ctx context.Context, objects *collect.Objects) error {
	c.denied = map[*workload.Workload]error{}
	for _, f := range c.files {
		for i := range f.done {
			d := &f.done[i]
			if !d.changed() {
				continue
			}
			err := d.admit(ctx, objects)
			var unreachable *collect.UnreachableError
			switch {
			case errors.As(err, &unreachable), err != nil && ctx.Err() != nil:
				return err
			case err != nil:
				d.missed, d.refusal, d.result = fmt.Errorf("the API server: %w", err), &edit.Refusal{Reason: edit.Unproven}, nil
				c.denied[d.Workload] = d.missed
			}
		}
	}
	return nil
}

func (d *done) admit(ctx context.Context, objects *collect.Objects) error {
	w := d.Workload
	after, err := edit.Values(d.Object(), objectChange(d.Plan))
	if err != nil {
		return err
	}
	object, _ := after.(map[string]any)
	returned, err := objects.Admit(ctx, object)
	if err != nil {
		return err
	}
	if err := d.kept(returned, w.Way); err != nil || w.Is("Pod") {
		return err
	}
	pod, err := objects.Admit(ctx, podOf(object, w))
	if err != nil {
		return fmt.Errorf("a pod of it: %w", err)
	}
	return d.kept(pod, []string{"spec"})
}
