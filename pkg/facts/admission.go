package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A MutatingPolicy is a MutatingAdmissionPolicy with the names of the bindings that activate it.
// A policy without a binding does nothing.
type MutatingPolicy struct {
	Name     string   `json:"name"`
	Bindings []string `json:"bindings,omitempty"`
	// MatchesPods is whether its match constraints cover the creation of pods.
	MatchesPods bool `json:"matchesPods"`
	// MatchesTemplates are the built-in kinds with a pod template whose creation or update its match constraints
	// cover; MatchesPodUpdates is whether they cover updates of pods.
	MatchesTemplates  []string `json:"matchesTemplates,omitempty"`
	MatchesPodUpdates bool     `json:"matchesPodUpdates,omitempty"`
	// Ignore is its [IgnoreAnnotation].
	Ignore string `json:"ignore,omitempty"`
}

// A ValidatingPolicy is a ValidatingAdmissionPolicy with the names of its bindings. One without a binding that denies
// refuses nothing.
type ValidatingPolicy struct {
	Name string `json:"name"`
	// MatchesTemplates are the built-in kinds with a pod template whose creation its match constraints cover, and whether
	// they cover custom resources.
	MatchesTemplates []string `json:"matchesTemplates,omitempty"`
	// Bindings are those by which it denies, Advising those by which it only warns, or writes to the audit log.
	Bindings []string `json:"bindings,omitempty"`
	Advising []string `json:"advising,omitempty"`
	// MatchesPods is whether its match constraints cover the creation of pods.
	MatchesPods bool `json:"matchesPods"`
	// Ignore is its [IgnoreAnnotation].
	Ignore string `json:"ignore,omitempty"`
}

// A Validator is a validating webhook or policy that is asked about the canary of a class.
type Validator struct {
	// Called is "configuration/webhook", or the name of a policy.
	Called string `json:"called"`
	// Uncertain says why it is not certain that the canary speaks for what it does in all of the class.
	Uncertain string `json:"uncertain,omitempty"`
}

// A Class is a set of namespaces in which a pod is seen by the same admission chain, so one
// canary speaks for all of them.
type Class struct {
	// ID is stable within a snapshot: "class-1", ...
	ID string `json:"id"`
	// Namespaces are all members, sorted.
	Namespaces []string `json:"namespaces"`
	// Webhooks are the mutating webhooks that are called for a pod here, in call order, as
	// "configuration/webhook".
	Webhooks []string `json:"webhooks"`
	// Policies are the bound MutatingAdmissionPolicies that may act here.
	Policies []string `json:"policies,omitempty"`
	// Validating are the validating policies and webhooks that are asked about a pod here; none where they were not read.
	Validating []Validator `json:"validating,omitempty"`
	// Annotations are the keys of those that all the namespaces have, with the same values: webhooks decide by
	// them as well. Set only where any is called.
	Annotations []string `json:"annotations,omitempty"`
	// Variant says what the canary of the class was besides a plain one: "owned by a ReplicaSet". Its namespaces are in
	// another class as well.
	Variant string `json:"variant,omitempty"`
	// User is who created the canary: a service account that the caller may impersonate. Empty is the caller.
	User string `json:"user,omitempty"`
	// Shape is set for a class of pods rather than of namespaces: see [Shape].
	Shape *Shape `json:"shape,omitempty"`
	// Uncertain are those webhooks and policies of which it is not certain that they are called,
	// with the reason: a match condition that asks for the user, or that cannot be evaluated.
	Uncertain map[string]string `json:"uncertain,omitempty"`
}

// A Shape is what the pod templates of a class have in common. The configuration of a webhook does not
// tell what it does inside: some act only on pods whose service account carries an annotation, or that
// have an annotation themselves. So a canary speaks only for pods that meet the same webhooks and have
// the same keys of labels and annotations, on the pod and on its service account.
type Shape struct {
	Labels             []string `json:"labels,omitempty"`
	Annotations        []string `json:"annotations,omitempty"`
	AccountLabels      []string `json:"accountLabels,omitempty"`
	AccountAnnotations []string `json:"accountAnnotations,omitempty"`
	// Own is whether the canary was the pod of the first example, with a native sidecar besides. Without it, it was a plain
	// canary with these labels, annotations and service account.
	Own bool `json:"own,omitempty"`
	// Running is whether it was a pod that is there, of which no template is known.
	Running bool `json:"running,omitempty"`
	// Templates is how many pod templates have this shape; 0 for a service account with annotations
	// or labels that no template uses yet.
	Templates int `json:"templates"`
	// Examples are some of them: "Deployment shop/web", "ServiceAccount shop/uploader".
	Examples []string `json:"examples"`
}

// A Canary is one pod that was created with dryRun=All, and what came back.
type Canary struct {
	// Class is the ID of the class it speaks for.
	Class     string `json:"class"`
	Namespace string `json:"namespace"`
	// Control is set for a pod without any native sidecar, sent where the canary was refused: when
	// it is refused as well, the refusal has nothing to do with sidecars.
	Control bool `json:"control,omitempty"`
	// Sent is the pod as sent; the values of annotations that it took from a pod template are left out.
	Sent *corev1.Pod `json:"sent"`
	// Returned is the pod as the API server would have stored it, without what other software
	// may have put into it (annotations, environment, commands); nil when it was refused.
	Returned *corev1.Pod `json:"returned,omitempty"`
	// Refusal is the API server's answer when there is no Returned.
	Refusal *Refusal `json:"refusal,omitempty"`
	// Warnings are the Warning headers of the answer.
	Warnings []string `json:"warnings,omitempty"`
	// Template is what the API server did with the same containers in a PodTemplate, created with
	// dryRun=All in the same namespace; it passes the gate, but no webhook on pods. Tried only
	// after the canary lost the field.
	Template Template `json:"template,omitempty"`
	// Fields is what became of newer fields of pods; nil when the canary had to go without them,
	// because it was refused with them, or was refused altogether.
	Fields *FieldTrial `json:"fields,omitempty"`
	// Reviews are what the webhooks of the class did to the same pod when each was called directly,
	// in call order. Tried only after the canary was changed or refused.
	Reviews []Review `json:"reviews,omitempty"`
	// Unasked says why there are no Reviews although they would have told something: a limit of the run.
	Unasked string `json:"unasked,omitempty"`
	// Exempted are what became of canaries that one of the webhooks did not see, because of their
	// labels. Tried only where a replay proves nothing.
	Exempted []Exempted `json:"exempted,omitempty"`
}

// A FieldTrial says what became of the newer fields (see [NewerFields]) of a canary, by path.
type FieldTrial struct {
	Sent []string `json:"sent"`
	Lost []string `json:"lost,omitempty"`
	// ServerKeeps are those of Lost that a PodTemplate kept (dryRun=All), so the API server is
	// not the cause. It is tried only where something was lost, and nil where it could not be.
	ServerKeeps []string `json:"serverKeeps,omitempty"`
}

// Method is how a webhook was called directly.
type Method string

const (
	// ByServiceProxy: through the API server's proxy to the webhook's Service.
	ByServiceProxy Method = "service proxy"
	// Directly: at the webhook's URL, with the CA of its configuration.
	Directly Method = "direct call"
)

// ReviewOutcome is how it went to ask a webhook directly. Error has the words.
type ReviewOutcome string

const (
	// ReviewAnswered: it answered, and what it does is in Changes, LostFields and Denied. In all other cases the
	// review proves nothing about what it does to pods.
	ReviewAnswered ReviewOutcome = "answered"
	// ReviewNotAllowed: the caller lacks a right that it takes to ask.
	ReviewNotAllowed ReviewOutcome = "notAllowed"
	// ReviewNotAsked: for a reason that is not the webhook's: the run was over, it was not to be asked, or its
	// configuration could not be read.
	ReviewNotAsked ReviewOutcome = "notAsked"
	// ReviewNoDryRun: it declares side effects, so it is not called in a dry run.
	ReviewNoDryRun ReviewOutcome = "noDryRun"
	// ReviewNotCallable: its address cannot be called from here.
	ReviewNotCallable ReviewOutcome = "notCallable"
	// ReviewUnreachable: the connection failed, or there was no answer in time.
	ReviewUnreachable ReviewOutcome = "unreachable"
	// ReviewBadAnswer: what came back is not an answer to the review.
	ReviewBadAnswer ReviewOutcome = "badAnswer"
	// ReviewBadPatch: it answered with a patch that cannot be applied, which fails the request of whoever
	// creates a pod; the API server then does not say whose patch it was.
	ReviewBadPatch ReviewOutcome = "badPatch"
)

// A Review is the answer of one webhook to an AdmissionReview (dryRun: true) about the canary, with
// the changes of the webhooks before it applied, and its sidecars restored where they were lost.
type Review struct {
	// Webhook is "configuration/webhook".
	Webhook string `json:"webhook"`
	Method  Method `json:"method,omitempty"`
	// Outcome is how it went; empty in snapshots that were taken before it was written down.
	Outcome ReviewOutcome `json:"outcome,omitempty"`
	// Changes are what its patch does to the canary's init containers; none means that it left them alone.
	Changes []Change `json:"changes,omitempty"`
	// LostFields are the newer fields that its patch takes away.
	LostFields []string `json:"lostFields,omitempty"`
	// Added are the init containers that its patch adds, sidecars and others.
	Added []AddedContainer `json:"added,omitempty"`
	// Operations is how many operations its patch has; 0 means that it changed nothing at all.
	Operations int `json:"operations,omitempty"`
	// Reinvoked is set when it was asked a second time, about what those after it have made of the pod, as its
	// reinvocationPolicy IfNeeded wants it. The rest of the review is about both answers.
	Reinvoked bool `json:"reinvoked,omitempty"`
	// Patch are the operations of its patch that reach the init containers; long values are left out.
	Patch []string `json:"patch,omitempty"`
	// Denied is its explanation when it did not allow the pod.
	Denied string `json:"denied,omitempty"`
	// Error is why it proves nothing: not reachable, or an answer that is none.
	Error string `json:"error,omitempty"`
}

// An Exempted is a canary with labels that keep exactly one webhook away from it.
type Exempted struct {
	// Webhook is the one that was not called, as "configuration/webhook".
	Webhook string `json:"webhook"`
	// Labels are those of the canary.
	Labels map[string]string `json:"labels,omitempty"`
	// Changes are what became of it all the same; none means that the webhook is the cause.
	Changes []Change `json:"changes,omitempty"`
	// Refusal is set when it was refused, and proves nothing.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Template says whether a PodTemplate kept its native sidecar.
type Template string

const (
	// TemplateKept: the API server keeps the field; who takes it from pods is another.
	TemplateKept Template = "kept"
	// TemplateLost: the API server drops the field from everything (its gate is off, or it is older
	// than 1.28), so nothing can be said about webhooks.
	TemplateLost Template = "lost"
	// TemplateUnknown: it was not tried, or could not be.
	TemplateUnknown Template = ""
)

// A Refusal is an error status of the API server.
type Refusal struct {
	// Code is the HTTP status, 0 when there was no answer at all (time-out, broken connection).
	Code int32 `json:"code"`
	// Reason is the machine-readable reason of the Status, such as Forbidden.
	Reason string `json:"reason,omitempty"`
	// Message is the server's words.
	Message string `json:"message"`
}

// A WebhookBackend is what is behind one mutating webhook that has a Service.
type WebhookBackend struct {
	// Webhook is "configuration/webhook".
	Webhook string `json:"webhook"`
	// Service is "namespace/name".
	Service string `json:"service"`
	// NoService is set when the Service does not exist.
	NoService bool `json:"noService,omitempty"`
	// Pods is how many pods its selector finds, Ready how many of them are ready. A Service without
	// a selector has none here, and Unselected is set.
	Pods       int  `json:"pods"`
	Ready      int  `json:"ready"`
	Unselected bool `json:"unselected,omitempty"`
	// Images are those of the pods' containers, each once.
	Images []string `json:"images,omitempty"`
	// Native says for some injectors which of their settings on native sidecars was found: the name
	// of a container's environment variable or argument, or of a field in a ConfigMap, with its value,
	// "ENABLE_NATIVE_SIDECARS=true".
	Native []string `json:"native,omitempty"`
	// EnvironmentFrom is where else the environment of an injector's containers comes from, which is not
	// read: "ConfigMap istio-system/istiod-env".
	EnvironmentFrom []string `json:"environmentFrom,omitempty"`
}

// A CRD is a CustomResourceDefinition, as far as it embeds containers.
type CRD struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Kind  string `json:"kind"`
	// Converts is whether a webhook converts its objects between versions that are served, or in which they are stored.
	Converts bool `json:"converts,omitempty"`
	// Versions are those that have a list of init containers somewhere.
	Versions []CRDVersion `json:"versions,omitempty"`
	// Ignore is its [IgnoreAnnotation].
	Ignore string `json:"ignore,omitempty"`
}

// A CRDVersion is one version of a CRD whose schema embeds init containers.
type CRDVersion struct {
	Name    string `json:"name"`
	Served  bool   `json:"served"`
	Storage bool   `json:"storage"`
	// Keeps and Prunes are the paths of lists of init containers ("spec.template.spec.initContainers", "spec.extraInitContainers")
	// whose schema has, or has not, restartPolicy. What it has not the API server prunes.
	Keeps  []string `json:"keeps,omitempty"`
	Prunes []string `json:"prunes,omitempty"`
}

// A Fate is what becomes of restartPolicy in a list of init containers of a custom resource.
type Fate string

const (
	Kept   Fate = "kept"
	Pruned Fate = "pruned"
	// Converted: no schema prunes it, but a webhook converts the object, and can lose it.
	Converted Fate = "converted"
	// Untold: a schema that decides names no such list.
	Untold Fate = ""
)

// FateOf is what becomes of restartPolicy of an object that is sent in a version; way is where its init containers are,
// as in [CRDVersion.Keeping]. The API server prunes by the schema of that version, and then by that of the version in
// which it stores the object (k8s.io/apiextensions-apiserver customresource_handler.go): in is the one that prunes.
func (d *CRD) FateOf(version string, way []string) (fate Fate, in string) {
	for step, wanted := range []func(*CRDVersion) bool{
		func(v *CRDVersion) bool { return v.Name == version },
		func(v *CRDVersion) bool { return v.Storage },
	} {
		i := slices.IndexFunc(d.Versions, func(v CRDVersion) bool { return wanted(&v) })
		if i < 0 {
			return Untold, ""
		}
		switch keeps, told := d.Versions[i].Keeping(way); {
		case told && !keeps:
			return Pruned, d.Versions[i].Name
		case !told && !(step > 0 && d.Converts): // another version may have another structure
			return Untold, ""
		}
	}
	if d.Converts {
		return Converted, ""
	}
	return Kept, ""
}

// Keeping is whether the schema of a version has restartPolicy of a list of init containers; way is where the list is in
// an object, with an index for each item on the way. known is false where the schema names no such list there.
func (v *CRDVersion) Keeping(way []string) (keeps, known bool) {
	on := func(path string) bool { return wayOn(way, path) }
	switch {
	case slices.ContainsFunc(v.Prunes, on):
		return false, true
	case slices.ContainsFunc(v.Keeps, on):
		return true, true
	}
	return false, false
}

// wayOn reports whether a way leads along a path of a schema: "spec.tasks[].template", with "*" for any key.
func wayOn(way []string, path string) bool {
	var steps []string
	for _, part := range strings.Split(path, ".") {
		name, _, _ := strings.Cut(part, "[")
		steps = append(append(steps, name), slices.Repeat([]string{"[]"}, strings.Count(part, "[]"))...)
	}
	if len(steps) != len(way) {
		return false
	}
	for i, step := range steps {
		index := way[i] != "" && strings.Trim(way[i], "0123456789") == ""
		if step != way[i] && step != "*" && !(step == "[]" && index) {
			return false
		}
	}
	return true
}
