package facts

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plant puts a text with credentials into every string of an object, as deep as it goes.
func plant(v reflect.Value, text string, depth int) {
	if depth > 14 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), text, depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[metav1.FieldsV1]() {
			v.FieldByName("Raw").SetBytes([]byte("{}"))
			return
		}
		if v.Type() == reflect.TypeFor[metav1.Time]() || v.Type() == reflect.TypeFor[metav1.MicroTime]() {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				plant(v.Field(i), text, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(v.Index(0), text, depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString("k")
		plant(value, text, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Uint8:
		v.SetUint('x')
	}
}

var leak = regexp.MustCompile(`hunter2`)

// leaks are the paths of what is left of planted texts.
func leaks(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case string:
		if leak.MatchString(v) {
			out[path] = v
		}
	case []any:
		for _, e := range v {
			leaks(path+"[]", e, out)
		}
	case map[string]any:
		for key, e := range v {
			leaks(path+"."+key, e, out)
		}
	}
}

func leaksOf(t *testing.T, object any) map[string]string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	leaks("", tree, out)
	return out
}

func planted[T any](text string) *T {
	o := new(T)
	plant(reflect.ValueOf(o).Elem(), text, 0)
	return o
}

// Every string of every object that a snapshot has, whatever the field is called, is without what looks like a
// credential once it is trimmed; and all of a snapshot, when it is written and when it is read.
func TestPlanted(t *testing.T) {
	for _, text := range []string{
		"https://user:hunter2@host/?token=hunter2 --password hunter2", "hunter2:hunter2@registry.example/x:1", "curl -u admin:hunter2 -H 'X-Api-Key: hunter2' x",
	} {
		for name, got := range map[string]any{
			"pod": TrimPod(planted[corev1.Pod](text)), "deployment": TrimDeployment(planted[appsv1.Deployment](text)),
			"replicaset": TrimReplicaSet(planted[appsv1.ReplicaSet](text)), "statefulset": TrimStatefulSet(planted[appsv1.StatefulSet](text)),
			"daemonset": TrimDaemonSet(planted[appsv1.DaemonSet](text)), "job": TrimJob(planted[batchv1.Job](text)),
			"cronjob": TrimCronJob(planted[batchv1.CronJob](text)), "event": TrimEvent(planted[corev1.Event](text)),
			"node": TrimNode(planted[corev1.Node](text)), "namespace": TrimNamespace(planted[corev1.Namespace](text)),
			"service": TrimService(planted[corev1.Service](text)), "endpointslice": TrimEndpointSlice(planted[discoveryv1.EndpointSlice](text)),
		} {
			for path, left := range leaksOf(t, got) {
				t.Errorf("%s%s: %s", name, path, left)
			}
		}
		s := planted[Snapshot](text)
		var written bytes.Buffer
		if err := s.Write(&written); err != nil {
			t.Fatal(err)
		}
		if left := regexp.MustCompile(`.*hunter2.*`).FindAllString(written.String(), -1); len(left) > 0 {
			t.Errorf("written: %q", left)
		}
	}
}

// What was redacted once stays as it is, and what is no secret stays as it was.
func TestRedactText(t *testing.T) {
	for text, want := range map[string]string{
		// images
		"user:hunter2@registry.invalid/x:1":                            "REDACTED@registry.invalid/x:1",
		`Failed to pull image "u:hunter2@r.example:5000/x": not found`: `Failed to pull image "REDACTED@r.example:5000/x": not found`,
		"registry.example:5000/x:1.25@sha256:0123456789abcdef01234567": "",
		"nginx:1.25@sha256:0123456789abcdef":                           "",
		// URLs
		"postgres://user:p/hunter2@db:5432/x":                  "postgres://REDACTED@db:5432/x",
		"postgres://user:p@hunter2@db/x":                       "postgres://REDACTED@db/x",
		"http://localhost:8080/path@x":                         "",
		"https://hooks.slack.com/services/T0123456789012345/x": "https://hooks.slack.com/services/REDACTED/x",
		`Get "http://10.0.0.1:15021/healthz/ready": EOF`:       "",
		// commands
		"curl -u admin:hunter2 http://localhost:15020/quitquitquit": "curl -u admin:REDACTED http://localhost:15020/quitquitquit",
		"curl --user 'admin:hunter2' x":                             "curl --user 'admin:REDACTED' x",
		"sshpass -p hunter2 ssh host":                               "sshpass -p REDACTED ssh host",
		"mysqladmin -uroot -phunter2 shutdown":                      "mysqladmin -uroot -pREDACTED shutdown",
		"docker login -u me -p 'hunter2 x' r.example":               "docker login -u me -p 'REDACTED' r.example",
		"PGPASSWORD=hunter2 psql":                                   "PGPASSWORD=REDACTED psql",
		`wget --header "X-Auth-Token: hunter2" x`:                   `wget --header "X-Auth-Token: REDACTED" x`,
		"mkdir -p /data && nc -p 8080":                              "",
		"sleep 5; exec nginx -g 'daemon off;'":                      "",
		// logs and events
		`{"level":"error","password":"hunter2 and more","msg":"x"}`:                                                         `{"level":"error","password":"REDACTED","msg":"x"}`,
		`msg="{\"client_secret\":\"hunter2\"}"`:                                                                             `msg="{\"client_secret\":\"REDACTED\"}"`,
		"Authorization: Bearer hunter2hunter2":                                                                              "Authorization: Bearer REDACTED",
		"sent bearer hunter2hunter2":                                                                                        "sent bearer REDACTED",
		"key ghp_0123456789abcdefghijABCDEFGHIJ012345 was refused":                                                          "key REDACTED was refused",
		"the API server no longer accepts your credentials: Unauthorized":                                                   "",
		`credentials=hunter2 {"credentials": "hunter2"}`:                                                                    `credentials=REDACTED {"credentials": "REDACTED"}`,
		"AKIAIOSFODNN7EXAMPLE":                                                                                              "REDACTED",
		"-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----":                                           "REDACTED",
		`Exec lifecycle hook ([sh -c login --password hunter2]) for Container "c"`:                                          `Exec lifecycle hook ([sh -c login --password REDACTED]) for Container "c"`,
		`MountVolume.SetUp failed for volume "tls-secret" : secret "tls" not found`:                                         "",
		`back-off 5m0s restarting failed container=app pod=web-5c689d88bb-x7k2p_shop(0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0)`: "",
		"--token-file=/var/run/secrets/token":                                                                               "", "exec: \"curl\": executable file not found in $PATH": "",
	} {
		if want == "" {
			want = text
		}
		got := RedactText(text)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
		if again := RedactText(got); again != got {
			t.Errorf("%s\nonce more: %s", got, again)
		}
	}
}

func TestRedactHooks(t *testing.T) {
	for _, words := range [][]string{
		{"curl", "-u", "admin:hunter2", "http://localhost"}, {"mysqladmin", "-phunter2", "shutdown"}, {"sshpass", "-p", "hunter2", "ssh"},
		{"redis-cli", "-a", "hunter2", "shutdown"}, {"login", "hunterHUNTER2222222222"}, {"notify", "0123456789abcdef0123456789abcdef"},
	} {
		out := strings.Join(redactWords(words), " ")
		if strings.Contains(out, "hunter2") || strings.Contains(out, "HUNTER2") || strings.Contains(out, "abcdef") || !strings.Contains(out, redacted) {
			t.Errorf("%q: %s", words, out)
		}
	}
}
