package cli

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// TestSecretsOfDumps plants a credential in everything of a dump that is quoted and is no object: logs, what could not be
// collected, what could not be read.
func TestSecretsOfDumps(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	const pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {"nodeName": "a",
		"initContainers": [{"name": "proxy", "restartPolicy": "Always"}], "containers": [{"name": "web"}]}, "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}],
		"initContainerStatuses": [{"name": "proxy", "restartCount": 5, "started": false, "ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-03-02T08:00:00Z"}}}]}}`
	leak := regexp.MustCompile(`.{0,60}hunter2.{0,20}`)
	for _, text := range plantedTexts {
		quoted, err := json.Marshal([]string{text})
		mustBe(t, err)
		var dump bytes.Buffer
		w := tar.NewWriter(&dump)
		for name, data := range map[string]string{
			"bundle/cluster-resources/pods/shop.json":                        pod,
			"bundle/cluster-resources/pods/logs/shop/web/proxy-previous.log": "begin\n" + text + "\n",
			"bundle/cluster-resources/nodes-errors.json":                     string(quoted),
			"bundle/cluster-resources/events/shop.json":                      `{"message": ` + text,
			"bundle/odd.json": `{"a": ` + text,
		} {
			mustBe(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o600}))
			_, err := w.Write([]byte(data))
			mustBe(t, err)
		}
		mustBe(t, w.Close())
		for _, f := range print.WhyFormats {
			code, stdout, stderr := call(t, dump.String(), "why", "-A", "-f", "-", "-o", f.Name)
			if code != 3 || slices.Contains([]string{"text", "json", "yaml"}, f.Name) && !strings.Contains(stdout, "REDACTED") {
				t.Errorf("%s: exit %d, %q\n%s", f.Name, code, stdout, stderr)
			}
			if found := leak.FindString(stdout + stderr); found != "" {
				t.Errorf("why -o %s prints %q", f.Name, found)
			}
		}
		for _, f := range print.Formats {
			_, stdout, stderr := call(t, dump.String(), "doctor", "-f", "-", "-o", f.Name)
			if found := leak.FindString(stdout + stderr); found != "" {
				t.Errorf("doctor -o %s prints %q", f.Name, found)
			}
		}
	}
}
