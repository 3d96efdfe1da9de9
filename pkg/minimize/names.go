package minimize

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Kept is a name that stays, since another one would change the answer: that of software that is known by it.
type Kept struct{ Class, Name string }

// everybody's are names that every cluster has, and words of the API: they say nothing about anybody.
var everybodys = []string{
	"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "default-scheduler", "kubernetes.default.svc",
	"true", "false", "enabled", "disabled", "yes", "no", "linux", "windows", "amd64", "arm64",
	"pods", "nodes", "events", "services", "deployments", "jobs", "webhook", "pod", "node", "namespace", "container", "sidecar", "proxy", "localhost",
}

// Neutral is s with the names of everything replaced by neutral ones, the same everywhere, also in texts: of events, of
// logs, in the words of command lines. The names are those of from: what s was cut down from, whose texts may still
// name what is not in it anymore. Addresses become ones for documentation. A name that the answer rests on stays, and is
// returned.
func Neutral(s, from *facts.Snapshot, answer Answer) (*facts.Snapshot, []Kept, error) {
	base, err := copied(s)
	if err != nil {
		return nil, nil, err
	}
	want := answer(base, false)
	names := namesOf(from)
	holds := func(list []name) (*facts.Snapshot, bool) {
		out, err := copied(base)
		if err != nil {
			return nil, false
		}
		newReplacer(list).value(reflect.ValueOf(out).Elem())
		if out.Server != "" {
			out.Server = neutralServer
		}
		if out, err = copied(out); err != nil { // as a reader will have it
			return nil, false
		}
		return out, slices.Equal(answer(out, false), want)
	}
	if out, ok := holds(names); ok {
		return out, nil, nil
	}
	replaced, kept := settle(nil, names, func(list []name) bool { _, ok := holds(list); return ok })
	out, ok := holds(replaced)
	if !ok {
		return nil, nil, fmt.Errorf("the names cannot be replaced without another answer")
	}
	return out, kept, nil
}

// neutralServer is the API server of a snapshot whose names are neutral.
const neutralServer = "https://cluster.example"

// settle adds names to those that are replaced, many at a time, as far as the answer stays the same.
func settle(replaced, names []name, holds func([]name) bool) ([]name, []Kept) {
	with := append(slices.Clone(replaced), names...)
	switch {
	case len(names) == 0:
		return replaced, nil
	case holds(with):
		return with, nil
	case len(names) == 1:
		return replaced, []Kept{{names[0].class, names[0].old}}
	}
	half := len(names) / 2
	replaced, kept := settle(replaced, names[:half], holds)
	replaced, more := settle(replaced, names[half:], holds)
	return replaced, append(kept, more...)
}

// A name is what stands for what.
type name struct{ class, old, new string }

// A namer finds the names of a snapshot.
type namer struct {
	found map[string]string // the class of each
	order []string
}

// namesOf finds every name of a snapshot, those of most weight first, each with a neutral one that nothing has yet.
func namesOf(s *facts.Snapshot) []name {
	n := &namer{found: map[string]string{}}
	n.server(s.Server)
	n.value(reflect.ValueOf(s).Elem(), "")
	taken := map[string]bool{}
	for _, old := range n.order {
		taken[old] = true
	}
	var out []name
	count := map[string]int{}
	for _, old := range n.order {
		class := n.found[old]
		fresh := ""
		for fresh == "" || taken[fresh] {
			count[class]++
			fresh = neutral(class, old, count[class])
		}
		out = append(out, name{class, old, fresh})
	}
	slices.SortStableFunc(out, func(a, b name) int { return cmp.Compare(weight(a.class), weight(b.class)) })
	return out
}

// weight puts first what must go before anything else.
func weight(class string) int {
	if i := slices.Index([]string{"namespace", "node", "pod", "deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob"}, class); i >= 0 {
		return i
	}
	return 100
}

const (
	classUID     = "uid"
	classImage   = "image"
	classAddress = "address"
	classHost    = "host"
	classKey     = "key"
)

func neutral(class, old string, n int) string {
	switch class {
	case classUID:
		if !strings.Contains(old, "-") { // of a static pod
			return fmt.Sprintf("%032x", n)
		}
		return fmt.Sprintf("00000000-0000-0000-0000-%012x", n)
	case classImage:
		return fmt.Sprintf("registry.example/image-%d:1", n)
	case classAddress:
		return fmt.Sprintf("192.0.2.%d", n%256)
	case classHost:
		return fmt.Sprintf("cluster-%d.example", n)
	case classKey:
		return fmt.Sprintf("example.com/key-%d", n)
	case "envvar":
		return fmt.Sprintf("ENV_%d", n)
	case "webhook": // whose names have three segments
		return fmt.Sprintf("webhook-%d.example.com", n)
	}
	return fmt.Sprintf("%s-%d", class, n)
}

// vocabulary are the classes whose names are words of protocols and programs.
var vocabulary = []string{"containerport", "serviceport", "endpointport", "manager", "managedfieldsentry", "podcondition", "toleration", "sysctl"}

func (n *namer) add(class, old string) {
	if slices.Contains(vocabulary, class) {
		return
	}
	if len(old) < 1 || slices.Contains(everybodys, old) || n.found[old] != "" || strings.Trim(old, "0123456789.-") == "" && class != classAddress {
		return
	}
	if _, err := netip.ParseAddr(old); err == nil && class != classAddress {
		return
	}
	n.found[old] = class
	n.order = append(n.order, old)
}

var host = regexp.MustCompile(`^https?://([^:/]+)`)

func (n *namer) server(url string) {
	if m := host.FindStringSubmatch(url); m != nil {
		n.add(classHost, m[1])
	}
}

// fields are those that hold a name, whatever they are in, with its class.
var fields = map[string]string{
	"Namespace": "namespace", "Namespaces": "namespace", "NodeName": "node", "Node": "node", "Instance": "node", "GoneNodes": "node", "Pod": "pod",
	"ServiceAccountName": "serviceaccount", "SecretName": "secret", "ClaimName": "claim", "PriorityClassName": "priorityclass",
	"RuntimeClassName": "runtimeclass", "ServiceName": "service", "Image": classImage, "GenerateName": "generated", "SchedulerName": "scheduler",
	"Hostname": "host", "Subdomain": "host", "Host": "host", "VolumeName": "volume", "StorageClassName": "storageclass",
}

// value finds the names in a value; class is that of an object by the list in which it is.
func (n *namer) value(v reflect.Value, class string) {
	switch v.Kind() {
	case reflect.Struct:
		n.structure(v, class)
	case reflect.Slice:
		for i := range v.Len() {
			n.value(v.Index(i), classOf(v.Type().Elem(), class))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n.value(v.Elem(), classOf(v.Type().Elem(), class))
		}
	case reflect.String:
		n.text(v)
	}
}

func classOf(t reflect.Type, class string) string {
	if t.Kind() == reflect.Struct {
		return strings.ToLower(t.Name())
	}
	return class
}

func (n *namer) structure(v reflect.Value, class string) {
	if kind := v.FieldByName("Kind"); kind.IsValid() && kind.Kind() == reflect.String && kind.String() != "" {
		class = strings.ToLower(kind.String())
	}
	if m, ok := v.Interface().(metav1.ObjectMeta); ok {
		n.meta(m, class)
		return
	}
	for i := range v.NumField() {
		if of := v.Type().Field(i); of.IsExported() && of.Tag.Get("json") != "-" {
			n.field(v.Field(i), of, class)
		}
	}
}

// field finds the names in a field of an object of that class.
func (n *namer) field(f reflect.Value, of reflect.StructField, class string) {
	known, is := fields[of.Name]
	texts := f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String
	switch {
	case of.Type == reflect.TypeFor[metav1.ObjectMeta]():
		n.value(f, class)
	case of.Name == "Name" && f.Kind() == reflect.String:
		n.add(class, f.String())
	case is && f.Kind() == reflect.String:
		n.add(known, f.String())
	case is && texts:
		for i := range f.Len() {
			n.add(known, f.Index(i).String())
		}
	case f.Type() == reflect.TypeFor[map[string]string]():
		n.labels(f.Interface().(map[string]string)) //nolint:forcetypeassert // its type was asked
	default:
		n.value(f, classOf(of.Type, class))
	}
}

func (n *namer) meta(m metav1.ObjectMeta, class string) {
	n.add(class, m.Name)
	n.add("namespace", m.Namespace)
	n.add("generated", strings.TrimSuffix(m.GenerateName, "-"))
	n.add(classUID, string(m.UID))
	n.labels(m.Labels)
	n.labels(m.Annotations)
	for _, o := range m.OwnerReferences {
		n.add(strings.ToLower(o.Kind), o.Name)
		n.add(classUID, string(o.UID))
	}
	for _, f := range m.ManagedFields {
		n.add("manager", f.Manager)
	}
}

// publicKey matches the keys of labels that are Kubernetes' own, or of known projects.
var publicKey = regexp.MustCompile(`(^|\.)(k8s\.io|kubernetes\.io|istio\.io|linkerd\.io|dapr\.io|kuma\.io|hashicorp\.com|argoproj\.io|helm\.sh)/`)

func (n *namer) labels(list map[string]string) {
	keys := make([]string, 0, len(list))
	for k := range list {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if strings.Contains(k, "/") && !publicKey.MatchString(k) {
			n.add(classKey, k)
		}
		if len(list[k]) < 64 { // more is a text, in which the names are replaced
			n.add("value", list[k])
		}
	}
}

var address = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)

// text finds addresses, and UIDs by their type.
func (n *namer) text(v reflect.Value) {
	if v.Type() == reflect.TypeFor[types.UID]() {
		n.add(classUID, v.String())
		return
	}
	for _, a := range address.FindAllString(v.String(), -1) {
		if ip, err := netip.ParseAddr(a); err == nil && !ip.IsLoopback() && !ip.IsUnspecified() {
			n.add(classAddress, a)
		}
	}
}
