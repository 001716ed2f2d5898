import { useQuery } from '@tanstack/react-query';
import { fetchRaw } from './client.ts';

interface ProblemIndex {
  problems: { type: string; title: string }[];
}

/** What each type of problem is called; the service has a page about each. */
export function useProblemTitle(): (type: string) => string {
  const { data } = useQuery({
    queryKey: ['problem-titles'],
    queryFn: async () => {
      const response = await fetchRaw('/problems', { headers: { accept: 'application/json' } });
      const { problems } = (await response.json()) as ProblemIndex;
      return new Map(problems.map(({ type, title }) => [type, title]));
    },
    staleTime: Infinity,
  });
  return (type) =>
    data?.get(type) ?? data?.get(`/problems/${type}`) ?? type.replace('/problems/', '').replaceAll('-', ' ');
}
