{{- define "kruntimes-crds.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kruntimes
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A ClusterRole for users. Arguments: root, name, to (Kubernetes' roles that it is part of), rules. */}}
{{- define "kruntimes-crds.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kruntimes-{{ .name }}
  labels:
    {{- include "kruntimes-crds.labels" .root | nindent 4 }}
    {{- if .root.Values.roles.aggregate }}
    {{- range .to }}
    rbac.authorization.k8s.io/aggregate-to-{{ . }}: "true"
    {{- end }}
    {{- end }}
rules:
  {{- .rules | nindent 2 }}
{{- end -}}
